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

    /** Whether somebody can see HTML; otherwise the plain text is what counts. */
    boolean rich();
}
