package io.tunebook.train;

/**
 * What is told while a run lasts, on the thread that trains: what a listener takes long for, training waits for, and
 * what it throws ends the run.
 */
public interface TrainingListener {
    /** Before the first step; in a resumed run with what was done before. */
    default void started(TrainingReport soFar) {}

    /** After each step, and after each measurement of the held-out loss. */
    default void progressed(TrainingReport soFar) {}

    /** After each sample answer. */
    default void sampled(TrainingReport.Sample sample) {}

    /** Once, however the run ended, unless it ended by an exception. */
    default void finished(TrainingReport report) {}

    /**
     * Once, in place of {@link #finished}, if the run ended by an exception, be it another listener's. What is thrown
     * here is added to that exception.
     *
     * @param soFar what happened before
     */
    default void failed(TrainingReport soFar, Throwable failure) {}
}
