package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import java.io.Closeable;
import java.io.IOException;

/**
 * The records of one file, whatever its format, each as a JSON object. After a {@link CorpusException} the next call
 * goes on at the next record that can be made out.
 */
interface Records extends Closeable {
    /**
     * The next record.
     *
     * @return a parser before the record's {@code START_OBJECT}, good until the next call; null at the end
     * @throws CorpusException if the record is broken
     * @throws IOException if the file can no longer be read; nothing follows then
     */
    JsonParser next() throws IOException;

    /** The number of the record read last, counted from 1. */
    long number();

    /**
     * The error for a record whose parser has failed or whose content is not what it should be.
     *
     * @param offset where in the record, in bytes; 0 for the record as a whole
     */
    CorpusException broken(long offset, String what, Throwable cause);

    /** The error for a record that is whole but does not hold what it should; reading goes on behind it. */
    CorpusException wrong(String what);
}
