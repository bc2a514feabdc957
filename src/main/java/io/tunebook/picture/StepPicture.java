package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** A training step as a round: batch, forward, loss, backward, optimizer, and the factors that the next round starts from. */
final class StepPicture {
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
