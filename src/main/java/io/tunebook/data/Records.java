package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

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

    /** Where bytes are not UTF-8, and what to say about it. */
    final class Utf8 {
        /** What to do about a file in another encoding, for messages. */
        static final String ANOTHER_ENCODING = "If the file is in another encoding, name it:"
                + " Corpus.open(path).charset(\"GB18030\"), from which ChatExample.from and Dataset.chat read as well";

        private Utf8() {}

        /** The index in the array of the first byte that does not belong to UTF-8; −1 if there is none. */
        static int firstMalformed(byte[] bytes, int from, int to) {
            CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
            ByteBuffer in = ByteBuffer.wrap(bytes, from, to - from);
            CharBuffer out = CharBuffer.allocate(1 << 12);
            while (true) {
                CoderResult result = decoder.decode(in, out.clear(), true);
                if (result.isError()) {
                    return in.position();
                }
                if (result.isUnderflow()) {
                    return -1;
                }
            }
        }

        static String complaint(byte found) {
            return String.format(Locale.ROOT, "expected UTF-8, found the byte 0x%02X. " + ANOTHER_ENCODING, found);
        }

        static long lines(byte[] bytes, int from, int to) {
            long lines = 0;
            for (int i = from; i < to; i++) {
                lines += bytes[i] == '\n' ? 1 : 0;
            }
            return lines;
        }
    }
}
