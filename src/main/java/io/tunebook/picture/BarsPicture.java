package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;
import java.util.Map;

/** Horizontal bars, each with its name before it and its value behind it, so that none goes without a label. */
final class BarsPicture {
    private static final int ROW = 24;
    private static final int MOST = 40;

    private BarsPicture() {}

    static MimeBundle draw(String title, String unit, Map<String, ? extends Number> values) {
        if (values.isEmpty() || values.size() > MOST) {
            throw new IllegalArgumentException("expected 1 to " + MOST + " bars, found " + values.size());
        }
        Drawing drawing = new Drawing(720, 56 + values.size() * ROW);
        drawing.head(16, 26, Drawing.Anchor.START, Drawing.cut(title + " (" + unit + ")", 14, 680));
        double most = Double.MIN_VALUE;
        for (Number value : values.values()) {
            if (!Double.isFinite(value.doubleValue()) || value.doubleValue() < 0) {
                throw new IllegalArgumentException("expected numbers that are not negative, found " + value);
            }
            most = Math.max(most, value.doubleValue());
        }
        double y = 40;
        StringBuilder said = new StringBuilder(unit);
        for (Map.Entry<String, ? extends Number> entry : values.entrySet()) {
            double value = entry.getValue().doubleValue();
            double length = 400 * value / most;
            String number = value == Math.rint(value)
                    ? String.format(Locale.ROOT, "%,d", (long) value)
                    : String.format(Locale.ROOT, "%.4g", value);
            drawing.text(190, y + 13, 12, Drawing.Anchor.END, Drawing.INK, false, Drawing.cut(entry.getKey(), 12, 174));
            drawing.bar(200, y, length, ROW - 8, Drawing.Tone.BLUE);
            drawing.note(206 + length, y + 12, Drawing.Anchor.START, number);
            said.append(", ").append(entry.getKey()).append(' ').append(number);
            y += ROW;
        }
        return drawing.bundle(title, said.toString());
    }
}
