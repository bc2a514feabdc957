package io.tunebook.ollama.server;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Makes text of tokens' bytes as they come. It keeps back bytes that do not yet end a character, and text that may be
 * the beginning of one of the texts that end an answer.
 */
final class AnswerText {
    private final List<String> stops;
    private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
    private boolean stopped;

    AnswerText(List<String> stops) {
        this.stops = stops;
    }

    /** Adds a token's bytes; what can be told now, often nothing. */
    String add(byte[] piece) {
        kept.writeBytes(piece);
        byte[] bytes = kept.toByteArray();
        return whole(bytes) < bytes.length ? "" : told(new String(bytes, StandardCharsets.UTF_8), false);
    }

    /** The rest, when there are no more tokens; a character that is not whole never will be. */
    String end() {
        byte[] bytes = kept.toByteArray();
        return told(new String(bytes, 0, whole(bytes), StandardCharsets.UTF_8), true);
    }

    /** Whether one of the texts that end an answer came. */
    boolean stopped() {
        return stopped;
    }

    private String told(String text, boolean last) {
        int at = Integer.MAX_VALUE;
        for (String stop : stops) {
            int found = text.indexOf(stop);
            at = found < 0 ? at : Math.min(at, found);
        }
        if (at < Integer.MAX_VALUE) {
            stopped = true;
            kept.reset();
            return text.substring(0, at);
        }
        if (!last && stops.stream().anyMatch(stop -> beginsAtTheEnd(text, stop))) {
            return "";
        }
        kept.reset();
        return text;
    }

    private static boolean beginsAtTheEnd(String text, String stop) {
        for (int length = Math.min(text.length(), stop.length() - 1); length > 0; length--) {
            if (text.regionMatches(text.length() - length, stop, 0, length)) {
                return true;
            }
        }
        return false;
    }

    /** How many of the bytes are whole characters in UTF-8: all of them but the last three at most. */
    static int whole(byte[] bytes) {
        for (int back = 1; back <= Math.min(3, bytes.length); back++) {
            int b = bytes[bytes.length - back] & 0xff;
            if (b >= 0xc0) {
                int length = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
                return length > back ? bytes.length - back : bytes.length;
            }
            if (b < 0x80) {
                break;
            }
        }
        return bytes.length;
    }
}
