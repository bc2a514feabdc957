"""The kernel under jupyter-console, driven as a person does: lines typed into it."""

import subprocess
import sys
import unittest


class ConsoleTest(unittest.TestCase):
    def test_a_short_session(self):
        typed = "\n".join(
            [
                "int n = 20;",
                "n + 22",
                "int twice(int x) { return 2 * x; }",
                'System.out.println("twice " + twice(n));',
                "n / 0",
                "",
            ]
        )
        ended = subprocess.run(
            [sys.executable, "-m", "jupyter_console", "--kernel", "tunebook", "--simple-prompt"],
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = ended.stdout + ended.stderr
        self.assertIn("42", said)
        self.assertIn("twice 40", said)
        self.assertIn("java.lang.ArithmeticException", said)
        self.assertEqual(0, ended.returncode, said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
