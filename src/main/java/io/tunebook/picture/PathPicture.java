package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** The ten chapters in a row with what each gives, and the one where the reader is. */
final class PathPicture {
    static final int CHAPTERS = 10;
    private static final int STEP = 76;

    private PathPicture() {}

    static MimeBundle draw(int here, Words words) {
        if (here < 0 || here >= CHAPTERS) {
            throw new IllegalArgumentException("expected a chapter from 0 to " + (CHAPTERS - 1) + ", found " + here);
        }
        Drawing drawing = new Drawing(CHAPTERS * STEP + 16, 120);
        for (int i = 0; i < CHAPTERS; i++) {
            double x = 12 + i * STEP;
            Drawing.Tone tone = i == here ? Drawing.Tone.BLUE : i < here ? Drawing.Tone.GREEN : Drawing.Tone.PLAIN;
            drawing.box(x, 16, STEP - 14, 44, tone, String.valueOf(i), words.of("path." + i));
            String[] gives = words.lines("path." + i + ".gives");
            for (int l = 0; l < gives.length; l++) {
                drawing.note(x + (STEP - 14) / 2.0, 80 + 14 * l, Drawing.Anchor.MIDDLE, gives[l]);
            }
            if (i + 1 < CHAPTERS) {
                drawing.arrow(x + STEP - 13, 38, x + STEP - 1, 38);
            }
        }
        return drawing.bundle(words.of("path.title"), words.of("path.description", here, words.of("path." + here)));
    }
}
