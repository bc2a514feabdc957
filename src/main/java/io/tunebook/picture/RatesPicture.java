package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** Pass rates by kind, one row of bars for each model. */
final class RatesPicture {
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
