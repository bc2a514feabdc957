package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.Locale;

/** The chances of a few words at several temperatures, a panel of bars for each temperature. */
final class TemperaturePicture {
    private static final int PANEL = 240;
    private static final int ROW = 24;

    private TemperaturePicture() {}

    static MimeBundle draw(List<String> tokens, double[] scores, double[] temperatures, Words words) {
        if (tokens.size() != scores.length || scores.length == 0 || temperatures.length == 0) {
            throw new IllegalArgumentException("expected a score for each word and at least one of each, found "
                    + tokens.size() + " words, " + scores.length + " scores and " + temperatures.length
                    + " temperatures");
        }
        Drawing drawing = new Drawing(24 + temperatures.length * PANEL, 60 + scores.length * ROW);
        StringBuilder said = new StringBuilder();
        for (int t = 0; t < temperatures.length; t++) {
            double x = 16 + t * PANEL;
            String name = words.of("temperature.panel", temperatures[t]);
            drawing.head(x, 28, Drawing.Anchor.START, name);
            said.append(t == 0 ? "" : "; ").append(name).append(':');
            double[] chances = chances(scores, temperatures[t]);
            for (int i = 0; i < chances.length; i++) {
                double y = 42 + i * ROW;
                drawing.text(
                        x, y + 13, 12, Drawing.Anchor.START, Drawing.INK, false, Drawing.cut(tokens.get(i), 12, 68));
                drawing.bar(x + 72, y, 90 * chances[i], ROW - 8, Drawing.Tone.BLUE);
                String percent = String.format(Locale.ROOT, "%.1f %%", 100 * chances[i]);
                drawing.note(x + 76 + 90 * chances[i], y + 12, Drawing.Anchor.START, percent);
                said.append(' ').append(tokens.get(i)).append(' ').append(percent);
            }
        }
        return drawing.bundle(words.of("temperature.title"), said.toString());
    }

    /**
     * The softmax of scores over a temperature; at 0 all goes to the highest.
     *
     * @param scores the model's logits, in nats
     * @param temperature not negative
     * @return the chances, which add up to 1
     */
    static double[] chances(double[] scores, double temperature) {
        int best = 0;
        for (int i = 1; i < scores.length; i++) {
            best = scores[i] > scores[best] ? i : best;
        }
        double[] chances = new double[scores.length];
        double sum = 0;
        for (int i = 0; i < scores.length; i++) {
            chances[i] = temperature == 0 ? (i == best ? 1 : 0) : Math.exp((scores[i] - scores[best]) / temperature);
            sum += chances[i];
        }
        for (int i = 0; i < scores.length; i++) {
            chances[i] /= sum;
        }
        return chances;
    }
}
