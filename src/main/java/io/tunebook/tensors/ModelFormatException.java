package io.tunebook.tensors;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A model's file does not hold what its format promises; the message names the file, the place, what was expected and
 * what was found.
 */
public final class ModelFormatException extends IOException {
    private final String what;

    /**
     * Says what is wrong with a file.
     *
     * @param file the file
     * @param what the place in it, what was expected and what was found
     */
    public ModelFormatException(Path file, String what) {
        super(file + ": " + what);
        this.what = what;
    }

    /**
     * Says what is wrong with a file, and which failure showed it.
     *
     * @param file the file
     * @param what the place in it, what was expected and what was found
     * @param cause the failure
     */
    public ModelFormatException(Path file, String what, Throwable cause) {
        super(file + ": " + what, cause);
        this.what = what;
    }

    /** The message without the file: for a server's answer, which tells nobody where files lie. */
    public String what() {
        return what;
    }
}
