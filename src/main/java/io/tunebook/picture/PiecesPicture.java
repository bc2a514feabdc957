package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.tokenizer.Encoding;
import io.tunebook.tokenizer.Tokenizer;

/** The pieces of a text in boxes, with their ids. */
final class PiecesPicture {
    private static final int WIDTH = 740;
    private static final int ROW = 58;
    private static final Drawing.Tone[] TONES = {
        Drawing.Tone.BLUE, Drawing.Tone.ORANGE, Drawing.Tone.GREEN, Drawing.Tone.PURPLE
    };

    private PiecesPicture() {}

    static MimeBundle draw(Tokenizer tokenizer, String text, Words words) {
        Encoding tokens = tokenizer.encode(text, false);
        double[] widths = new double[tokens.length()];
        double[] x = new double[tokens.length()];
        int[] row = new int[tokens.length()];
        double at = 14;
        int rows = 0;
        for (int i = 0; i < widths.length; i++) {
            widths[i] = Math.max(Drawing.textWidth(piece(tokens, i, text), 13) + 14, 44);
            if (at + widths[i] > WIDTH - 14) {
                at = 14;
                rows++;
            }
            x[i] = at;
            row[i] = rows;
            at += widths[i] + 4;
        }
        Drawing d = new Drawing(WIDTH, (rows + 1) * ROW + 18);
        StringBuilder said = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            double y = 14 + row[i] * ROW;
            String piece = piece(tokens, i, text);
            Drawing.Tone tone = tokenizer.isSpecial(tokens.ids()[i]) ? Drawing.Tone.PLAIN : TONES[i % TONES.length];
            d.box(x[i], y, widths[i], 26, tone, piece);
            d.note(x[i] + widths[i] / 2, y + 41, Drawing.Anchor.MIDDLE, String.valueOf(tokens.ids()[i]));
            said.append(i == 0 ? "" : ", ").append(piece).append(' ').append(tokens.ids()[i]);
        }
        return d.bundle(words.of("pieces.title"), words.of("pieces.description", text, widths.length, said));
    }

    /** A piece as one sees it: a space as an open box, the rest of a character that an earlier token began as an ellipsis. */
    private static String piece(Encoding tokens, int i, String text) {
        int start = tokens.starts()[i];
        int end = tokens.ends()[i];
        if (start >= end) {
            return tokens.tokens().get(i);
        }
        boolean rest = i > 0 && start < tokens.ends()[i - 1];
        String piece =
                rest ? "…" + text.substring(Math.min(tokens.ends()[i - 1], end), end) : text.substring(start, end);
        return piece.replace(' ', '␣').replace('\n', '↵').replace('\t', '⇥');
    }
}
