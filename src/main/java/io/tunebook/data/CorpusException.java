package io.tunebook.data;

import java.nio.file.Path;

/** Data that is not what its file promises. The message names the file and, where known, the line and the byte. */
public final class CorpusException extends RuntimeException {
    private final transient Path file;
    private final long line;
    private final long byteOffset;

    /**
     * @param line counted from 1, or 0 where the format has none
     * @param byteOffset counted from 0 in the text as it is after decompression, in UTF-8; −1 if unknown
     * @param what what was expected, what was found and what to do
     */
    CorpusException(Path file, long line, long byteOffset, String what, Throwable cause) {
        super(
                (file == null ? "" : file)
                        + (line > 0 ? ", line " + line : "")
                        + (byteOffset >= 0 ? ", byte " + byteOffset : "")
                        + (file == null ? "" : ": ")
                        + what,
                cause);
        this.file = file;
        this.line = line;
        this.byteOffset = byteOffset;
    }

    /** Several at once, told in one message; the place is that of the first. */
    CorpusException(CorpusException first, String all) {
        super(all, first);
        this.file = first.file;
        this.line = first.line;
        this.byteOffset = first.byteOffset;
    }

    /** The broken file or folder; null where the data came from memory. */
    public Path file() {
        return file;
    }

    /** The line, counted from 1; 0 where the format has no lines. */
    public long line() {
        return line;
    }

    /** The byte, counted from 0 in the decompressed text as UTF-8; −1 if unknown. */
    public long byteOffset() {
        return byteOffset;
    }
}
