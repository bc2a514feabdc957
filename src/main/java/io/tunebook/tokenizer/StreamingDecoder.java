package io.tunebook.tokenizer;

import java.util.ArrayList;
import java.util.List;

/**
 * Turns tokens into text as they come. A token may hold part of a character only, so text is handed out when it is
 * whole; all that was handed out put together is what {@link Tokenizer#decode(int...)} makes of all ids at once. Not
 * for several threads.
 */
public final class StreamingDecoder {
    /** Longer runs without a whole character are not text: they are handed out as they decode. */
    private static final int LONGEST_WAIT = 16;

    private final Tokenizer tokenizer;
    private final boolean skipSpecial;
    private final List<Integer> window = new ArrayList<>();
    private int handedOut;

    StreamingDecoder(Tokenizer tokenizer, boolean skipSpecial) {
        this.tokenizer = tokenizer;
        this.skipSpecial = skipSpecial;
    }

    /**
     * Takes the next token.
     *
     * @return the text that is certain now, often of this token alone, empty while a character is incomplete
     */
    public String push(int id) {
        window.add(id);
        String text = decode(0, window.size());
        if (text.endsWith("\uFFFD") && window.size() - handedOut < LONGEST_WAIT) {
            return "";
        }
        String before = decode(0, handedOut);
        String fresh = text.substring(Math.min(before.length(), text.length()));
        if (!fresh.isEmpty()) {
            // Keep the tokens just handed out: how a decoder treats a token may depend on the one before.
            window.subList(0, handedOut).clear();
            handedOut = window.size();
        }
        return fresh;
    }

    /** Ends the text: what was held back, with U+FFFD for a character that never became whole. */
    public String end() {
        String fresh = decode(0, window.size()).substring(decode(0, handedOut).length());
        window.clear();
        handedOut = 0;
        return fresh;
    }

    private String decode(int from, int to) {
        return tokenizer.decode(
                window.subList(from, to).stream().mapToInt(Integer::intValue).toArray(), skipSpecial);
    }
}
