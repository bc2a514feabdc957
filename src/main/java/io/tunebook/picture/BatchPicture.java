package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.tokenizer.Encoding;

/** A batch's ids in a grid, padding pale, the attention mask in each cell. */
final class BatchPicture {
    private static final int CELL_WIDTH = 54;
    private static final int CELL_HEIGHT = 38;

    private BatchPicture() {}

    static MimeBundle draw(Encoding.Batch batch, Words words) {
        int rows = batch.encodings().size();
        int columns =
                batch.encodings().stream().mapToInt(Encoding::length).max().orElse(0);
        Drawing d = new Drawing(columns * CELL_WIDTH + 28, rows * CELL_HEIGHT + 62);
        int real = 0;
        for (int r = 0; r < rows; r++) {
            Encoding e = batch.encodings().get(r);
            for (int c = 0; c < e.length(); c++) {
                boolean token = e.attentionMask()[c] == 1;
                real += e.attentionMask()[c];
                double x = 14 + c * CELL_WIDTH;
                double y = 14 + r * CELL_HEIGHT;
                d.cell(
                        x,
                        y,
                        CELL_WIDTH,
                        CELL_HEIGHT,
                        token ? Drawing.Tone.BLUE : Drawing.Tone.PLAIN,
                        String.valueOf(e.ids()[c]));
                d.note(
                        x + CELL_WIDTH - 4,
                        y + CELL_HEIGHT - 4,
                        Drawing.Anchor.END,
                        String.valueOf(e.attentionMask()[c]));
            }
        }
        double y = rows * CELL_HEIGHT + 30;
        d.bar(14, y, 14, 14, Drawing.Tone.BLUE).note(34, y + 11, Drawing.Anchor.START, words.of("batch.real"));
        d.bar(230, y, 14, 14, Drawing.Tone.PLAIN).note(250, y + 11, Drawing.Anchor.START, words.of("batch.padding"));
        return d.bundle(
                words.of("batch.title"), words.of("batch.description", rows, columns, real, rows * columns - real));
    }
}
