# nbgrader's settings for the exercises. Copy this file to the root of your course as nbgrader_config.py, or let
# `python environment/exercises.py course FOLDER` lay out a course with it.
c = get_config()  # noqa: F821  nbgrader defines it

# What stands in a released exercise where the solution has lines between BEGIN SOLUTION and END SOLUTION. It compiles
# in every method, and nobody can overlook it.
c.ClearSolutions.code_stub = {"java": 'throw new UnsupportedOperationException("YOUR CODE HERE");'}

# The longest that a cell may run, in seconds. An exercise that trains takes half a minute on two cores. A cell that
# runs longer, such as an endless loop, is interrupted: its task scores nothing, and the other tasks are graded.
c.Execute.timeout = 180
c.Execute.interrupt_on_timeout = True

# The first start of a kernel may take a while where many are graded at once.
c.Execute.startup_timeout = 180

# A cell that stopped by itself is graded as it stands; nobody's other tasks suffer.
c.Execute.allow_errors = True
