package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/** The pieces of a streamed answer over time: each stands where it arrived, a row below the one before. */
final class StreamPicture {
    private static final int SHOWN = 14;
    private static final int ROW = 19;

    private StreamPicture() {}

    static MimeBundle draw(List<String> pieces, List<Long> milliseconds, Words words) {
        if (pieces.isEmpty() || pieces.size() != milliseconds.size()) {
            throw new IllegalArgumentException("expected as many times as pieces and at least one, found "
                    + milliseconds.size() + " and " + pieces.size());
        }
        int shown = Math.min(SHOWN, pieces.size());
        long first = milliseconds.get(0);
        double span = Math.max(1, milliseconds.get(shown - 1) - first);
        Drawing drawing = new Drawing(720, 70 + shown * ROW);
        for (int i = 0; i < shown; i++) {
            double x = 90 + 480 * (milliseconds.get(i) - first) / span;
            double y = 16 + i * ROW;
            drawing.note(80, y + 13, Drawing.Anchor.END, words.of("stream.time", milliseconds.get(i)));
            drawing.line(90, y + 9, x, y + 9);
            String piece = Drawing.cut(pieces.get(i).replace("\n", "⏎"), 12, 110);
            drawing.cell(x, y, Math.max(24, Drawing.textWidth(piece, 12) + 10), ROW - 3, Drawing.Tone.BLUE, piece);
        }
        double bottom = 24 + shown * ROW;
        drawing.arrow(90, bottom, 600, bottom);
        drawing.note(610, bottom + 4, Drawing.Anchor.START, words.of("stream.axis"));
        drawing.note(90, bottom + 24, Drawing.Anchor.START, words.of("stream.note", shown, pieces.size()));
        return drawing.bundle(
                words.of("stream.title"),
                words.of(
                        "stream.description",
                        shown,
                        pieces.size(),
                        first,
                        milliseconds.get(shown - 1),
                        String.join("|", pieces.subList(0, shown)).replace("\n", "⏎")));
    }
}
