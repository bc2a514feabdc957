package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.HashSet;
import java.util.Set;

/** Two nearly equal texts, character by character: green where a run of five stands in the other text as well, red where not. */
final class TwinsPicture {
    /** The length of the runs that near duplicates are found by. */
    private static final int RUN = 5;

    private static final int COLUMNS = 42;
    private static final int SIDE = 16;
    private static final int ROWS = 5;

    private TwinsPicture() {}

    static MimeBundle draw(String first, String second, Words words) {
        int[] a = first.codePoints().toArray();
        int[] b = second.codePoints().toArray();
        boolean[] inB = common(a, runs(b));
        boolean[] inA = common(b, runs(a));
        Drawing drawing = new Drawing(24 + COLUMNS * SIDE, 70 + 2 * ROWS * (SIDE + 2));
        drawing.head(12, 24, Drawing.Anchor.START, words.of("twins.first"));
        grid(drawing, a, inB, 34);
        double second1 = 58 + ROWS * (SIDE + 2);
        drawing.head(12, second1 - 8, Drawing.Anchor.START, words.of("twins.second"));
        grid(drawing, b, inA, second1);
        return drawing.bundle(
                words.of("twins.title"), words.of("twins.description", count(inB), a.length, count(inA), b.length));
    }

    private static void grid(Drawing drawing, int[] text, boolean[] common, double top) {
        for (int i = 0; i < Math.min(text.length, COLUMNS * ROWS); i++) {
            String character = text[i] == '\n' ? "⏎" : Character.toString(text[i]);
            drawing.cell(
                    12 + i % COLUMNS * SIDE,
                    top + i / COLUMNS * (SIDE + 2),
                    SIDE,
                    SIDE,
                    common[i] ? Drawing.Tone.GREEN : Drawing.Tone.RED,
                    character);
        }
    }

    private static Set<String> runs(int[] text) {
        Set<String> runs = new HashSet<>();
        for (int i = 0; i + RUN <= text.length; i++) {
            runs.add(new String(text, i, RUN));
        }
        return runs;
    }

    private static boolean[] common(int[] text, Set<String> others) {
        boolean[] common = new boolean[text.length];
        for (int i = 0; i + RUN <= text.length; i++) {
            if (others.contains(new String(text, i, RUN))) {
                for (int j = i; j < i + RUN; j++) {
                    common[j] = true;
                }
            }
        }
        return common;
    }

    private static int count(boolean[] values) {
        int count = 0;
        for (boolean value : values) {
            count += value ? 1 : 0;
        }
        return count;
    }
}
