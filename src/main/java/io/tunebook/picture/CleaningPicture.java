package io.tunebook.picture;

import io.tunebook.data.Cleaning;
import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/** A cleaning step by step: how many documents came, how many were changed, how many went. */
final class CleaningPicture {
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
            said.append(i == 0 ? "" : "; ").append(count.step()).append(": ").append(text);
        }
        return drawing.bundle(words.of("cleaning.title"), said.toString());
    }
}
