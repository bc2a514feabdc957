package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** A corpus as a recipe: files on the disk, one document at a time in memory, steps that each document passes. */
final class StreamingPicture {
    private StreamingPicture() {}

    static MimeBundle draw(Words words) {
        Drawing drawing = new Drawing(720, 170);
        for (int i = 0; i < 4; i++) {
            drawing.box(
                    16 + 6 * i,
                    40 + 12 * i,
                    130,
                    50,
                    Drawing.Tone.PLAIN,
                    i == 3 ? words.lines("streaming.files") : new String[] {""});
        }
        drawing.arrow(168, 94, 216, 94);
        drawing.box(218, 68, 120, 52, Drawing.Tone.ORANGE, words.lines("streaming.one"));
        String[] steps = words.lines("streaming.steps");
        for (int i = 0; i < steps.length; i++) {
            double x = 372 + 90 * i;
            drawing.arrow(x - 32, 94, x - 2, 94);
            drawing.box(x, 74, 58, 40, Drawing.Tone.BLUE, steps[i]);
        }
        drawing.arrow(610, 94, 634, 94);
        drawing.box(636, 68, 70, 52, Drawing.Tone.GREEN, words.lines("streaming.you"));
        drawing.note(84, 28, Drawing.Anchor.MIDDLE, words.of("streaming.disk"));
        drawing.note(450, 28, Drawing.Anchor.MIDDLE, words.of("streaming.memory"));
        drawing.line(200, 14, 200, 156);
        return drawing.bundle(words.of("streaming.title"), words.of("streaming.description"));
    }
}
