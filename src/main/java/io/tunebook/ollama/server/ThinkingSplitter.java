package io.tunebook.ollama.server;

/**
 * Tells the thinking of a streamed answer, between two marks such as {@code <think>} and {@code </think>}, from the
 * answer itself, however it is cut into pieces. White space after either mark goes, as Ollama does it.
 */
final class ThinkingSplitter {
    private enum State {
        BEFORE,
        /** Only white space since the opening mark. */
        OPENED,
        THINKING,
        /** Only white space since the closing mark. */
        CLOSED,
        AFTER
    }

    private final String open;
    private final String close;
    private State state;
    private String held = "";

    /** A piece of each; either may be empty. */
    record Piece(String thinking, String content) {}

    /** For an answer to this prompt, with what begins and ends a thought. */
    ThinkingSplitter(String prompt, String open, String close) {
        this.open = open;
        this.close = close;
        state = prompt.stripTrailing().endsWith(open) ? State.OPENED : State.BEFORE;
    }

    Piece push(String text) {
        held += text;
        String thinking = "";
        if (state == State.BEFORE) {
            String begun = held.stripLeading();
            if (begun.startsWith(open)) {
                held = begun.substring(open.length());
                state = State.OPENED;
            } else if (open.startsWith(begun)) {
                return new Piece("", "");
            } else {
                state = State.AFTER;
            }
        }
        if (state == State.OPENED) {
            held = held.stripLeading();
            state = held.isEmpty() ? State.OPENED : State.THINKING;
        }
        if (state == State.THINKING) {
            int end = held.indexOf(close);
            int safe = end < 0 ? held.length() - overlap(held) : end;
            thinking = held.substring(0, safe);
            held = held.substring(end < 0 ? safe : end + close.length());
            state = end < 0 ? State.THINKING : State.CLOSED;
        }
        if (state == State.CLOSED) {
            held = held.stripLeading();
            state = held.isEmpty() ? State.CLOSED : State.AFTER;
        }
        String content = "";
        if (state == State.AFTER) {
            content = held;
            held = "";
        }
        return new Piece(thinking, content);
    }

    /** Whether the thoughts are over, or there were none. */
    boolean answering() {
        return state == State.CLOSED || state == State.AFTER;
    }

    /** What was held back because it might have been the beginning of a mark. */
    Piece end() {
        String rest = held;
        held = "";
        return state == State.BEFORE ? new Piece("", rest) : new Piece(rest, "");
    }

    /** How many of the last characters may be the beginning of the closing mark. */
    private int overlap(String text) {
        for (int n = Math.min(close.length() - 1, text.length()); n > 0; n--) {
            if (close.startsWith(text.substring(text.length() - n))) {
                return n;
            }
        }
        return 0;
    }
}
