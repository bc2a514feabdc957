package io.tunebook.ollama;

/** Tells the thinking of a streamed answer, between {@code <think>} and {@code </think>}, from the answer itself. */
final class ThinkingSplitter {
    private static final String OPEN = "<think>";
    private static final String CLOSE = "</think>";

    private enum State {
        BEFORE,
        THINKING,
        AFTER
    }

    private State state;
    private String held = "";

    /** A piece of each; either may be empty. */
    record Piece(String thinking, String content) {}

    /** For an answer whose prompt ends with this. */
    ThinkingSplitter(String prompt) {
        state = prompt.stripTrailing().endsWith(OPEN) ? State.THINKING : State.BEFORE;
    }

    Piece push(String text) {
        held += text;
        String thinking = "";
        if (state == State.BEFORE) {
            String begun = held.stripLeading();
            if (OPEN.startsWith(begun) && !begun.equals(OPEN)) {
                return new Piece("", "");
            }
            if (begun.startsWith(OPEN)) {
                held = begun.substring(OPEN.length());
                state = State.THINKING;
            } else {
                state = State.AFTER;
            }
        }
        if (state == State.THINKING) {
            int end = held.indexOf(CLOSE);
            if (end < 0) {
                int safe = held.length() - tail(held);
                thinking = held.substring(0, safe);
                held = held.substring(safe);
                return new Piece(thinking, "");
            }
            thinking = held.substring(0, end).stripTrailing();
            held = held.substring(end + CLOSE.length()).stripLeading();
            state = State.AFTER;
        }
        String content = held;
        held = "";
        return new Piece(thinking, content);
    }

    /** What was held back because it might have been the beginning of a mark. */
    Piece end() {
        String rest = held;
        held = "";
        return state == State.THINKING ? new Piece(rest, "") : new Piece("", rest);
    }

    /** How many of the last characters may be the beginning of the closing mark. */
    private static int tail(String text) {
        for (int n = Math.min(CLOSE.length() - 1, text.length()); n > 0; n--) {
            if (CLOSE.startsWith(text.substring(text.length() - n))) {
                return n;
            }
        }
        return 0;
    }
}
