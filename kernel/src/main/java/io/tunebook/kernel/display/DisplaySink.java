package io.tunebook.kernel.display;

/**
 * Where displays go: the frontend of a kernel, a notebook file, or, by default, the standard output. A sink says at
 * least what it shows; unless it says more, nothing is ever cleared, nobody answers, and plain text is what counts.
 */
@FunctionalInterface
public interface DisplaySink {
    /**
     * Shows a bundle.
     *
     * @param id the display's id, or null if nobody will update it
     * @param update whether the displays with this id are to be replaced instead
     */
    void show(MimeBundle bundle, String id, boolean update);

    /**
     * Clears what the running cell has shown.
     *
     * @param wait not before something new comes, which avoids flicker
     */
    default void clear(boolean wait) {}

    /**
     * Asks the person in front of the notebook for a line.
     *
     * @param password whether what is typed stays hidden
     * @return the line without its end, or null if nobody can answer
     */
    default String ask(String prompt, boolean password) {
        return null;
    }

    /** Whether somebody can see HTML; otherwise the plain text is what counts. */
    default boolean rich() {
        return false;
    }
}
