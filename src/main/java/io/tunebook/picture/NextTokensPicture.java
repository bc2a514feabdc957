package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;
import java.util.Map;

/** The likeliest next tokens with a bar each. */
final class NextTokensPicture {
    private static final int ROW = 28;

    private NextTokensPicture() {}

    static MimeBundle draw(String text, Map<String, Double> shares, Words words) {
        Drawing d = new Drawing(640, shares.size() * ROW + 64);
        d.text(16, 28, Drawing.cut(words.of("next.after", text), 13, 600));
        StringBuilder said = new StringBuilder();
        int i = 0;
        for (Map.Entry<String, Double> share : shares.entrySet()) {
            double y = 42 + i++ * ROW;
            String percent = String.format(Locale.ROOT, "%.1f %%", 100 * share.getValue());
            String piece = share.getKey().replace(' ', '␣').replace('\n', '↵');
            d.text(120, y + 16, 13, Drawing.Anchor.END, Drawing.INK, false, Drawing.cut(piece, 13, 104));
            d.bar(130, y + 2, 400 * share.getValue(), 20, Drawing.Tone.BLUE);
            d.note(138 + 400 * share.getValue(), y + 16, Drawing.Anchor.START, percent);
            said.append(i == 1 ? "" : ", ").append(piece).append(' ').append(percent);
        }
        return d.bundle(words.of("next.title"), words.of("next.description", text, said));
    }
}
