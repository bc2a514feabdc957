package io.tunebook.kernel.eval;

import java.util.List;
import java.util.Objects;

/**
 * A text of Java as it was typed: a cell, or a file that was loaded.
 *
 * @param name what errors call it, such as {@code Cell[3]}
 * @param text the whole of it
 * @param above how many of its lines were not typed; they stand above line 1
 */
public record Source(String name, String text, int above) {
    public Source(String name, String text) {
        this(name, text, 0);
    }

    public Source {
        Objects.requireNonNull(name);
        Objects.requireNonNull(text);
    }

    /** A cell by its number. */
    public static Source cell(int number, String text) {
        return new Source("Cell[" + number + "]", text);
    }

    /** A line of it, counted from 1; empty behind the end. */
    String line(int line) {
        return text.lines().skip(Math.max(line + above - 1L, 0)).findFirst().orElse("");
    }

    /** The line that a position stands in, counted from 1. */
    int lineOf(int position) {
        int line = 1 - above;
        for (int i = 0, end = Math.min(position, text.length()); i < end; i++) {
            if (text.charAt(i) == '\n') {
                line++;
            }
        }
        return line;
    }

    /**
     * Something in a snippet that stands otherwise in the source.
     *
     * @param at the position in the snippet
     * @param typed how many characters stand in the source
     * @param written how many stand in the snippet
     */
    record Edit(int at, int typed, int written) {}

    /**
     * Where a snippet stands.
     *
     * @param offset of the snippet's first character in the source
     * @param edits in the order of their positions
     */
    record Origin(Source source, int offset, List<Edit> edits) {
        /** The position in the source of a position in the snippet. */
        int typed(int position) {
            int shift = 0;
            for (Edit e : edits) {
                if (position < e.at()) {
                    break;
                } else if (position < e.at() + e.written()) {
                    return offset + e.at() + shift;
                }
                shift += e.typed() - e.written();
            }
            return offset + position + shift;
        }

        int line(int position) {
            return source.lineOf(typed(position));
        }

        int column(int position) {
            int at = Math.min(typed(position), source.text().length());
            return at - (source.text().lastIndexOf('\n', at - 1) + 1);
        }
    }
}
