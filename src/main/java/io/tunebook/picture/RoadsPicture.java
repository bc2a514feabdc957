package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** The two roads of an adapter into Ollama: merged into one file, which always works, or beside the model, where the server takes it. */
final class RoadsPicture {
    private RoadsPicture() {}

    static MimeBundle draw(Words words) {
        Drawing drawing = new Drawing(720, 200);
        drawing.box(16, 24, 130, 48, Drawing.Tone.BLUE, words.lines("roads.model"));
        drawing.box(16, 128, 130, 48, Drawing.Tone.ORANGE, words.lines("roads.adapter"));
        drawing.arrow(148, 48, 218, 48).arrow(148, 140, 218, 62);
        drawing.box(220, 24, 150, 48, Drawing.Tone.GREEN, words.lines("roads.merged"));
        drawing.arrow(148, 152, 218, 152);
        drawing.box(220, 128, 150, 48, Drawing.Tone.PLAIN, words.lines("roads.both"));
        drawing.arrow(372, 48, 438, 88).arrow(372, 152, 438, 112);
        drawing.box(440, 76, 120, 48, Drawing.Tone.BLUE, words.lines("roads.ollama"));
        drawing.arrow(562, 100, 598, 100);
        drawing.box(600, 76, 104, 48, Drawing.Tone.GREEN, words.lines("roads.answer"));
        return drawing.bundle(words.of("roads.title"), words.of("roads.description"));
    }
}
