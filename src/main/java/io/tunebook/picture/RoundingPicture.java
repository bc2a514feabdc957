package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;

/** A weight before and after a small change, on the steps of a coarse and of a fine quantisation. */
final class RoundingPicture {
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
        drawing.note(700, 24, Drawing.Anchor.END, words.of("rounding.legend", number(weight), number(weight + change)));
        return drawing.bundle(words.of("rounding.title"), said.toString());
    }

    private static void mark(Drawing drawing, double x, double y, Drawing.Tone tone) {
        drawing.bar(x - 2, y - 20, 4, 20, tone);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4f", value + 0.0); // no sign before a zero
    }
}
