package io.tunebook.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

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
