package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** How a corpus is prepared: what is a stream, what lies on the disk, and which small part is sorted. */
final class PreparationPicture {
    private PreparationPicture() {}

    static MimeBundle draw(Words words) {
        Drawing drawing = new Drawing(760, 210);
        drawing.box(12, 80, 100, 50, Drawing.Tone.PLAIN, words.lines("preparation.files"));
        drawing.arrow(114, 105, 142, 105);
        drawing.box(144, 76, 130, 58, Drawing.Tone.BLUE, words.lines("preparation.read"));
        drawing.arrow(276, 96, 314, 60);
        drawing.arrow(276, 114, 314, 150);
        drawing.box(316, 30, 140, 50, Drawing.Tone.PLAIN, words.lines("preparation.documents"));
        drawing.box(316, 130, 140, 50, Drawing.Tone.PLAIN, words.lines("preparation.keys"));
        drawing.arrow(458, 155, 480, 155);
        drawing.box(482, 130, 100, 50, Drawing.Tone.ORANGE, words.lines("preparation.sort"));
        drawing.arrow(458, 55, 612, 92);
        drawing.arrow(584, 150, 612, 122);
        drawing.box(614, 80, 134, 54, Drawing.Tone.GREEN, words.lines("preparation.shards"));
        drawing.note(386, 22, Drawing.Anchor.MIDDLE, words.of("preparation.disk"));
        drawing.note(532, 198, Drawing.Anchor.MIDDLE, words.of("preparation.memory"));
        return drawing.bundle(words.of("preparation.title"), words.of("preparation.description"));
    }
}
