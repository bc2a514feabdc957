package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.Locale;

/** A head's attention as a grid: a row looks at the columns. */
final class AttentionPicture {
    private static final int CELL = 44;
    private static final int LEFT = 110;

    private AttentionPicture() {}

    static MimeBundle draw(List<String> pieces, float[][] weights, Words words) {
        int n = pieces.size();
        Drawing d = new Drawing(Math.max(360, LEFT + n * CELL + 20), n * CELL + 76);
        StringBuilder said = new StringBuilder();
        for (int i = 0; i < n; i++) {
            d.note(
                    LEFT + i * CELL + CELL / 2.0,
                    28,
                    Drawing.Anchor.MIDDLE,
                    Drawing.cut(shown(pieces.get(i)), 11, CELL - 2));
            d.note(
                    LEFT - 8,
                    38 + i * CELL + CELL / 2.0 + 4,
                    Drawing.Anchor.END,
                    Drawing.cut(shown(pieces.get(i)), 11, LEFT - 16));
            int most = 0;
            for (int j = 0; j < n; j++) {
                double x = LEFT + j * CELL;
                double y = 38 + i * CELL;
                d.shade(x, y, CELL, CELL, Drawing.Tone.BLUE, weights[i][j]);
                if (j <= i) {
                    d.text(
                            x + CELL / 2.0,
                            y + CELL / 2.0 + 4,
                            10,
                            Drawing.Anchor.MIDDLE,
                            weights[i][j] > 0.55 ? "#ffffff" : Drawing.INK,
                            false,
                            String.format(Locale.ROOT, "%.2f", weights[i][j]));
                }
                most = weights[i][j] > weights[i][most] ? j : most;
            }
            said.append(i == 0 ? "" : ", ").append(pieces.get(i)).append(" → ").append(pieces.get(most));
        }
        d.note(14, n * CELL + 62, Drawing.Anchor.START, words.of("attention.note"));
        return d.bundle(words.of("attention.title"), words.of("attention.description", said));
    }

    private static String shown(String piece) {
        return piece.replace(' ', '␣').replace('\n', '↵');
    }
}
