package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.node.ArrayNode;

/**
 * The text of a stream while it grows, as a terminal would show it: what follows a carriage return covers the line. Each character is looked at once, however
 * long its line is.
 */
final class StreamText {
    private final ArrayNode lines;
    private final StringBuilder line = new StringBuilder();
    private boolean returned;
    private boolean settled;

    /** @param lines where the lines go, of a stream that has shown nothing yet */
    StreamText(ArrayNode lines) {
        this.lines = lines;
    }

    void append(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\r') {
                returned = true;
            } else {
                if (returned && c != '\n') {
                    line.setLength(0);
                }
                returned = false;
                line.append(c);
                if (c == '\n') {
                    put();
                    settled = false;
                    line.setLength(0);
                }
            }
        }
    }

    /** Brings the line that is still open among the others. */
    void settle() {
        if (!line.isEmpty() || returned) {
            put();
            settled = true;
        } else if (settled) {
            lines.remove(lines.size() - 1);
            settled = false;
        }
    }

    private void put() {
        String text = returned ? line + "\r" : line.toString();
        if (settled) {
            lines.set(lines.size() - 1, lines.textNode(text));
        } else {
            lines.add(text);
        }
    }
}
