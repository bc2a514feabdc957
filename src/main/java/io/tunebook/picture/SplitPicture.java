package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/** A split: a square for each document, coloured by the side on which it fell. */
final class SplitPicture {
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
