package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** Who speaks with whom: a notebook, Java's kernel, a server of models, the model's file. */
final class ServersPicture {
    private ServersPicture() {}

    static MimeBundle draw(boolean embedded, Words words) {
        Drawing.Tone ollama = embedded ? Drawing.Tone.PLAIN : Drawing.Tone.ORANGE;
        Drawing.Tone own = embedded ? Drawing.Tone.ORANGE : Drawing.Tone.PLAIN;
        Drawing drawing = new Drawing(720, 190);
        drawing.box(16, 66, 120, 54, Drawing.Tone.BLUE, words.lines("servers.notebook"));
        drawing.arrow(138, 84, 178, 84).arrow(178, 102, 138, 102);
        drawing.box(180, 66, 130, 54, Drawing.Tone.BLUE, words.lines("servers.kernel"));
        drawing.arrow(312, 84, 378, 48).arrow(312, 102, 378, 138);
        drawing.note(372, 30, Drawing.Anchor.END, words.of("servers.api"));
        drawing.box(380, 18, 150, 54, ollama, words.lines("servers.ollama"));
        drawing.box(380, 114, 150, 54, own, words.lines("servers.embedded"));
        drawing.arrow(532, 48, 568, 78).arrow(532, 138, 568, 108);
        drawing.box(570, 66, 134, 54, Drawing.Tone.GREEN, words.lines("servers.file"));
        return drawing.bundle(
                words.of("servers.title"),
                words.of(embedded ? "servers.description.here" : "servers.description.there"));
    }
}
