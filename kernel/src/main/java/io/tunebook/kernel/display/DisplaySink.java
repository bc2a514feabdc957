package io.tunebook.kernel.display;

/** Where displays go: the frontend of a kernel, a notebook file, or, by default, the standard output. */
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
    void clear(boolean wait);

    /**
     * Asks the person in front of the notebook for a line.
     *
     * @param password whether what is typed stays hidden
     * @return the line without its end, or null if nobody can answer
     */
    String ask(String prompt, boolean password);

    /** Whether somebody can see HTML; otherwise the plain text is what counts. */
    boolean rich();
}
