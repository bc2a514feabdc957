package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** Draws the pictures of {@link Pictures} on LoRA, on training with it, and on what the trained model answers. */
final class TrainingPictures {
    private TrainingPictures() {}

    /** One weight with LoRA beside it: the frozen matrix, the two thin ones, and how their outputs are added. */
    static final class LoraPicture {
        private LoraPicture() {}

        static MimeBundle draw(int in, int out, int rank, double scale, Words words) {
            String times = String.format(Locale.ROOT, "× %s", scale == Math.rint(scale) ? (long) scale + "" : scale);
            Drawing drawing = new Drawing(640, 260)
                    .box(20, 105, 70, 44, Drawing.Tone.PLAIN, "x", String.valueOf(in))
                    .box(
                            190,
                            24,
                            170,
                            90,
                            Drawing.Tone.BLUE,
                            words.lines("lora.frozen", out, in, String.format(Locale.ROOT, "%,d", (long) in * out)))
                    .box(150, 172, 120, 60, Drawing.Tone.ORANGE, words.lines("lora.a", rank, in))
                    .box(320, 172, 120, 60, Drawing.Tone.ORANGE, words.lines("lora.b", out, rank))
                    .box(480, 184, 56, 36, Drawing.Tone.PLAIN, times)
                    .box(480, 50, 56, 36, Drawing.Tone.PLAIN, "+")
                    .box(575, 46, 50, 44, Drawing.Tone.PLAIN, "y", String.valueOf(out))
                    .arrow(90, 118, 188, 72)
                    .arrow(90, 138, 148, 196)
                    .arrow(270, 202, 318, 202)
                    .note(295, 192, Drawing.Anchor.MIDDLE, String.valueOf(rank))
                    .arrow(440, 202, 478, 202)
                    .arrow(508, 184, 508, 88)
                    .arrow(360, 69, 478, 69)
                    .arrow(536, 69, 573, 69)
                    .note(
                            295,
                            248,
                            Drawing.Anchor.MIDDLE,
                            words.of("lora.trained", String.format(Locale.ROOT, "%,d", (long) rank * (in + out))));
            return drawing.bundle(words.of("lora.title"), words.of("lora.description", in, out, rank));
        }
    }

    /** B times A equals a change: two thin matrices and the full one, with their numbers. */
    static final class LowRankPicture {
        private static final double CELL = 44;
        private static final double HEIGHT = 24;

        private LowRankPicture() {}

        static MimeBundle draw(double[][] b, double[][] a, Words words) {
            int rank = a.length;
            int rows = b.length;
            int columns = a[0].length;
            if (b[0].length != rank) {
                throw new IllegalArgumentException(
                        "expected as many columns of B as rows of A, found " + b[0].length + " and " + rank);
            }
            double[][] product = new double[rows][columns];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    for (int k = 0; k < rank; k++) {
                        product[i][j] += b[i][k] * a[k][j];
                    }
                }
            }
            double top = 50;
            double aLeft = 20 + rank * CELL + 40;
            double productLeft = aLeft + columns * CELL + 40;
            Drawing drawing = new Drawing(
                    (int) (productLeft + columns * CELL + 20), (int) (top + Math.max(rows, rank) * HEIGHT + 44));
            double middle = top + rows * HEIGHT / 2;
            matrix(drawing, b, 20, top, Drawing.Tone.ORANGE);
            drawing.text(aLeft - 24, middle + 4, "×");
            matrix(drawing, a, aLeft, middle - rank * HEIGHT / 2, Drawing.Tone.ORANGE);
            drawing.text(productLeft - 25, middle + 4, "=");
            matrix(drawing, product, productLeft, top, Drawing.Tone.BLUE);
            double under = top + Math.max(rows, rank) * HEIGHT + 24;
            drawing.head(20, 30, Drawing.Anchor.START, "B  " + rows + " × " + rank)
                    .head(aLeft, 30, Drawing.Anchor.START, "A  " + rank + " × " + columns)
                    .head(productLeft, 30, Drawing.Anchor.START, "B A  " + rows + " × " + columns)
                    .note(
                            20,
                            under,
                            Drawing.Anchor.START,
                            words.of("rank.counts", rank * (rows + columns), rows * columns));
            return drawing.bundle(words.of("rank.title", rank), words.of("rank.description", rows, rank, columns));
        }

        private static void matrix(Drawing drawing, double[][] m, double x, double y, Drawing.Tone tone) {
            for (int i = 0; i < m.length; i++) {
                for (int j = 0; j < m[i].length; j++) {
                    drawing.cell(
                            x + j * CELL,
                            y + i * HEIGHT,
                            CELL,
                            HEIGHT,
                            tone,
                            String.format(Locale.ROOT, "%.2f", m[i][j]));
                }
            }
        }
    }

    /**
     * A training step as a round: batch, forward, loss, backward, optimizer, and the factors that the next round starts
     * from.
     */
    static final class StepPicture {
        private static final int WIDTH = 104;

        private StepPicture() {}

        static MimeBundle draw(Words words) {
            Drawing drawing = new Drawing(660, 170);
            Drawing.Tone[] tones = {
                Drawing.Tone.PLAIN, Drawing.Tone.BLUE, Drawing.Tone.RED, Drawing.Tone.PURPLE, Drawing.Tone.ORANGE
            };
            for (int i = 0; i < tones.length; i++) {
                double x = 16 + i * 130;
                drawing.box(x, 30, WIDTH, 58, tones[i], words.lines("step." + i));
                if (i > 0) {
                    drawing.arrow(x - 130 + WIDTH, 59, x - 2, 59);
                }
            }
            drawing.line(16 + 4 * 130 + WIDTH / 2.0, 88, 16 + 4 * 130 + WIDTH / 2.0, 130)
                    .line(16 + 4 * 130 + WIDTH / 2.0, 130, 16 + 130 + WIDTH / 2.0, 130)
                    .arrow(16 + 130 + WIDTH / 2.0, 130, 16 + 130 + WIDTH / 2.0, 90)
                    .note(400, 150, Drawing.Anchor.MIDDLE, words.of("step.again"));
            return drawing.bundle(words.of("step.title"), words.of("step.description"));
        }
    }

    /** Pass rates by kind, one row of bars for each model. */
    static final class RatesPicture {
        private static final List<Drawing.Tone> TONES = List.of(
                Drawing.Tone.PLAIN, Drawing.Tone.ORANGE, Drawing.Tone.GREEN, Drawing.Tone.BLUE, Drawing.Tone.PURPLE);
        private static final double LEFT = 130;
        private static final double LENGTH = 400;
        private static final double BAR = 14;

        private RatesPicture() {}

        static MimeBundle draw(Map<String, Map<String, Double>> models, Words words) {
            if (models.isEmpty() || models.size() > TONES.size()) {
                throw new IllegalArgumentException("expected 1 to " + TONES.size() + " models, found " + models.size());
            }
            List<String> kinds = List.copyOf(models.values().iterator().next().keySet());
            double group = models.size() * BAR + 14;
            Drawing drawing = new Drawing((int) (LEFT + LENGTH + 70), (int) (70 + kinds.size() * group));
            double x = 16;
            int m = 0;
            StringJoiner said = new StringJoiner("; ");
            for (String model : models.keySet()) {
                drawing.bar(x, 18, 14, 14, TONES.get(m++)).text(x + 20, 30, model);
                x += 50 + Drawing.textWidth(model, 13);
            }
            for (int k = 0; k < kinds.size(); k++) {
                double y = 52 + k * group;
                drawing.text(
                        LEFT - 10,
                        y + models.size() * BAR / 2 + 4,
                        13,
                        Drawing.Anchor.END,
                        Drawing.INK,
                        false,
                        kinds.get(k));
                m = 0;
                for (Map.Entry<String, Map<String, Double>> model : models.entrySet()) {
                    double rate = model.getValue().getOrDefault(kinds.get(k), 0.0);
                    String percent = String.format(Locale.ROOT, "%.0f %%", 100 * rate);
                    drawing.bar(LEFT, y + m * BAR, LENGTH * rate, BAR - 2, TONES.get(m))
                            .note(LEFT + LENGTH * rate + 6, y + m * BAR + 10, Drawing.Anchor.START, percent);
                    said.add(model.getKey() + ", " + kinds.get(k) + ": " + percent);
                    m++;
                }
            }
            drawing.line(LEFT, 46, LEFT, 52 + kinds.size() * group);
            return drawing.bundle(words.of("rates.title"), said.toString());
        }
    }

    /** A weight before and after a small change, on the steps of a coarse and of a fine quantisation. */
    static final class RoundingPicture {
        private RoundingPicture() {}

        static MimeBundle draw(double weight, double change, double coarse, double fine, Words words) {
            if (!(coarse > 0 && fine > 0)) {
                throw new IllegalArgumentException("expected steps above 0, found " + coarse + " and " + fine);
            }
            Drawing drawing = new Drawing(720, 210);
            StringBuilder said = new StringBuilder();
            double low = weight - 2.4 * coarse;
            double scale = 640 / (4.8 * coarse);
            double[] steps = {coarse, fine};
            for (int row = 0; row < 2; row++) {
                double y = 70 + row * 90;
                double step = steps[row];
                drawing.head(16, y - 40, Drawing.Anchor.START, words.of("rounding.step", number(step)));
                drawing.line(40, y, 680, y);
                for (double k = Math.ceil(low / step); k * step <= weight + 2.4 * coarse; k++) {
                    double x = 40 + (k * step - low) * scale;
                    drawing.line(x, y - 6, x, y + 6);
                }
                mark(drawing, 40 + (weight - low) * scale, y, Drawing.Tone.BLUE);
                mark(drawing, 40 + (weight + change - low) * scale, y, Drawing.Tone.ORANGE);
                double before = Math.rint(weight / step) * step;
                double after = Math.rint((weight + change) / step) * step;
                String result =
                        words.of(before == after ? "rounding.lost" : "rounding.kept", number(before), number(after));
                drawing.note(40, y + 28, Drawing.Anchor.START, result);
                said.append(row == 0 ? "" : "; ")
                        .append(words.of("rounding.step", number(step)))
                        .append(": ")
                        .append(result);
            }
            drawing.note(
                    700, 24, Drawing.Anchor.END, words.of("rounding.legend", number(weight), number(weight + change)));
            return drawing.bundle(words.of("rounding.title"), said.toString());
        }

        private static void mark(Drawing drawing, double x, double y, Drawing.Tone tone) {
            drawing.bar(x - 2, y - 20, 4, 20, tone);
        }

        private static String number(double value) {
            return String.format(Locale.ROOT, "%.4f", value + 0.0); // no sign before a zero
        }
    }
}
