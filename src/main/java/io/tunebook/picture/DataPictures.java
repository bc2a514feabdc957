package io.tunebook.picture;

import io.tunebook.data.Cleaning;
import io.tunebook.kernel.display.MimeBundle;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import tech.tablesaw.api.Row;
import tech.tablesaw.api.Table;

/** Draws the pictures of {@link Pictures} on a corpus: how it is read, cleaned, split and prepared. */
final class DataPictures {
    private DataPictures() {}

    /** A corpus as a recipe: files on the disk, one document at a time in memory, steps that each document passes. */
    static final class StreamingPicture {
        private StreamingPicture() {}

        static MimeBundle draw(Words words) {
            Drawing drawing = new Drawing(720, 170);
            for (int i = 0; i < 4; i++) {
                drawing.box(
                        16 + 6 * i,
                        40 + 12 * i,
                        130,
                        50,
                        Drawing.Tone.PLAIN,
                        i == 3 ? words.lines("streaming.files") : new String[] {""});
            }
            drawing.arrow(168, 94, 216, 94);
            drawing.box(218, 68, 120, 52, Drawing.Tone.ORANGE, words.lines("streaming.one"));
            String[] steps = words.lines("streaming.steps");
            for (int i = 0; i < steps.length; i++) {
                double x = 372 + 90 * i;
                drawing.arrow(x - 32, 94, x - 2, 94);
                drawing.box(x, 74, 58, 40, Drawing.Tone.BLUE, steps[i]);
            }
            drawing.arrow(610, 94, 634, 94);
            drawing.box(636, 68, 70, 52, Drawing.Tone.GREEN, words.lines("streaming.you"));
            drawing.note(84, 28, Drawing.Anchor.MIDDLE, words.of("streaming.disk"));
            drawing.note(450, 28, Drawing.Anchor.MIDDLE, words.of("streaming.memory"));
            drawing.line(200, 14, 200, 156);
            return drawing.bundle(words.of("streaming.title"), words.of("streaming.description"));
        }
    }

    /** A cleaning step by step: how many documents came, how many were changed, how many went. */
    static final class CleaningPicture {
        private static final int ROW = 34;
        private static final int BAR = 300;
        private static final int LABEL = 220;

        private CleaningPicture() {}

        static MimeBundle draw(List<Cleaning.Count> counts, Words words) {
            if (counts.isEmpty()) {
                throw new IllegalArgumentException("expected the counts of a pass, found none: read the corpus first");
            }
            Drawing drawing = new Drawing(760, 24 + counts.size() * ROW);
            double most = Math.max(1, counts.get(0).documents());
            StringBuilder said = new StringBuilder();
            for (int i = 0; i < counts.size(); i++) {
                Cleaning.Count count = counts.get(i);
                double y = 14 + i * ROW;
                double kept = BAR * (count.documents() - count.removed()) / most;
                double gone = BAR * count.removed() / most;
                String text = words.of("cleaning.count", count.documents(), count.changed(), count.removed());
                drawing.text(
                        LABEL,
                        y + 16,
                        12,
                        Drawing.Anchor.END,
                        Drawing.INK,
                        false,
                        Drawing.cut(count.step(), 12, LABEL - 8));
                drawing.bar(LABEL + 10, y, kept, ROW - 12, Drawing.Tone.GREEN);
                drawing.bar(LABEL + 10 + kept, y, gone, ROW - 12, Drawing.Tone.RED);
                drawing.note(LABEL + 20 + kept + gone, y + 15, Drawing.Anchor.START, text);
                said.append(i == 0 ? "" : "; ")
                        .append(count.step())
                        .append(": ")
                        .append(text);
            }
            return drawing.bundle(words.of("cleaning.title"), said.toString());
        }
    }

    /**
     * Two nearly equal texts, character by character: green where a run of five stands in the other text as well, red
     * where not. A text that is too long for the picture ends with three dots.
     */
    static final class TwinsPicture {
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
            int shown = Math.min(text.length, COLUMNS * ROWS);
            for (int i = 0; i < shown; i++) {
                boolean more = i == shown - 1 && shown < text.length;
                String character = more ? "…" : text[i] == '\n' ? "⏎" : Character.toString(text[i]);
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

    /** A split: a square for each document, coloured by the side on which it fell. */
    static final class SplitPicture {
        private static final int COLUMNS = 20;
        private static final int MOST = 400;
        private static final int SIDE = 24;

        private SplitPicture() {}

        static MimeBundle draw(List<Boolean> heldOut, Words words) {
            if (heldOut.isEmpty() || heldOut.size() > MOST) {
                throw new IllegalArgumentException(
                        "expected 1 to " + MOST + " documents, one square each, found " + heldOut.size());
            }
            int rows = (heldOut.size() + COLUMNS - 1) / COLUMNS;
            Drawing drawing = new Drawing(32 + COLUMNS * SIDE, 60 + rows * SIDE);
            long held = heldOut.stream().filter(h -> h).count();
            for (int i = 0; i < heldOut.size(); i++) {
                drawing.cell(
                        16 + i % COLUMNS * SIDE,
                        16 + i / COLUMNS * SIDE,
                        SIDE - 4,
                        SIDE - 4,
                        heldOut.get(i) ? Drawing.Tone.ORANGE : Drawing.Tone.GREEN,
                        String.valueOf(i + 1));
            }
            String note = words.of("split.note", heldOut.size() - held, held);
            drawing.text(16, 44 + rows * SIDE, note);
            return drawing.bundle(words.of("split.title"), note);
        }
    }

    /** How a corpus is prepared: what is a stream, what lies on the disk, and which small part is sorted. */
    static final class PreparationPicture {
        private PreparationPicture() {}

        static MimeBundle draw(Words words) {
            Drawing drawing = new Drawing(760, 210);
            drawing.box(12, 80, 100, 50, Drawing.Tone.PLAIN, words.lines("preparation.files"));
            drawing.arrow(114, 105, 142, 105);
            drawing.box(144, 76, 130, 58, Drawing.Tone.BLUE, words.lines("preparation.read"));
            drawing.arrow(276, 96, 314, 60);
            drawing.arrow(276, 114, 314, 150);
            drawing.box(316, 30, 140, 50, Drawing.Tone.PLAIN, words.lines("preparation.documents"));
            drawing.box(316, 130, 140, 50, Drawing.Tone.PLAIN, words.lines("preparation.keys"));
            drawing.arrow(458, 155, 480, 155);
            drawing.box(482, 130, 100, 50, Drawing.Tone.ORANGE, words.lines("preparation.sort"));
            drawing.arrow(458, 55, 600, 92);
            drawing.arrow(584, 150, 600, 128);
            drawing.box(602, 80, 148, 54, Drawing.Tone.GREEN, words.lines("preparation.shards"));
            drawing.note(386, 22, Drawing.Anchor.MIDDLE, words.of("preparation.disk"));
            drawing.note(532, 198, Drawing.Anchor.MIDDLE, words.of("preparation.memory"));
            return drawing.bundle(words.of("preparation.title"), words.of("preparation.description"));
        }
    }

    /** The files of a prepared corpus: what stayed, the order that it was put into, and a box for each file. */
    static final class ShardsPicture {
        private static final int ROW = 52;
        private static final int MOST = 12;

        private ShardsPicture() {}

        static MimeBundle draw(Table shards, Words words) {
            int files = shards.rowCount();
            if (files == 0 || files > MOST) {
                throw new IllegalArgumentException("expected 1 to " + MOST + " files, a box each, found " + files);
            }
            int height = Math.max(110, 24 + files * ROW);
            double middle = height / 2.0;
            Drawing drawing = new Drawing(760, height);
            long documents = 0;
            List<String> said = new ArrayList<>();
            for (Row row : shards) {
                documents += row.getLong("documents");
            }
            drawing.box(12, middle - 26, 148, 52, Drawing.Tone.GREEN, words.lines("shards.stayed", grouped(documents)));
            drawing.arrow(162, middle, 184, middle);
            drawing.box(186, middle - 26, 176, 52, Drawing.Tone.BLUE, words.lines("shards.order"));
            for (Row row : shards) {
                double y = 14 + said.size() * ROW;
                String name = row.getString("file");
                String holds =
                        words.of("shards.file", grouped(row.getLong("documents")), grouped(row.getLong("tokens")));
                drawing.arrow(364, middle, 420, y + 21);
                Drawing.Tone tone = name.startsWith("heldout") ? Drawing.Tone.ORANGE : Drawing.Tone.PLAIN;
                drawing.box(422, y, 326, 42, tone, name, holds);
                said.add(name + ": " + holds);
            }
            return drawing.bundle(
                    words.of("shards.title"),
                    words.of("shards.description", grouped(documents), files, String.join("; ", said)));
        }

        private static String grouped(long number) {
            return String.format(Locale.ROOT, "%,d", number);
        }
    }
}
