package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;

/** B times A equals a change: two thin matrices and the full one, with their numbers. */
final class LowRankPicture {
    private static final double CELL = 44;
    private static final double HEIGHT = 24;

    private LowRankPicture() {}

    static MimeBundle draw(double[][] b, double[][] a, Words words) {
        int rank = a.length;
        int rows = b.length;
        int columns = a[0].length;
        if (b[0].length != rank) {
            throw new IllegalArgumentException(
                    "expected as many columns of B as rows of A, found " + b[0].length + " and " + rank);
        }
        double[][] product = new double[rows][columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                for (int k = 0; k < rank; k++) {
                    product[i][j] += b[i][k] * a[k][j];
                }
            }
        }
        double top = 50;
        double aLeft = 20 + rank * CELL + 40;
        double productLeft = aLeft + columns * CELL + 40;
        Drawing drawing = new Drawing(
                (int) (productLeft + columns * CELL + 20), (int) (top + Math.max(rows, rank) * HEIGHT + 44));
        double middle = top + rows * HEIGHT / 2;
        matrix(drawing, b, 20, top, Drawing.Tone.ORANGE);
        drawing.text(aLeft - 24, middle + 4, "×");
        matrix(drawing, a, aLeft, middle - rank * HEIGHT / 2, Drawing.Tone.ORANGE);
        drawing.text(productLeft - 25, middle + 4, "=");
        matrix(drawing, product, productLeft, top, Drawing.Tone.BLUE);
        double under = top + Math.max(rows, rank) * HEIGHT + 24;
        drawing.head(20, 30, Drawing.Anchor.START, "B  " + rows + " × " + rank)
                .head(aLeft, 30, Drawing.Anchor.START, "A  " + rank + " × " + columns)
                .head(productLeft, 30, Drawing.Anchor.START, "B A  " + rows + " × " + columns)
                .note(
                        20,
                        under,
                        Drawing.Anchor.START,
                        words.of("rank.counts", rank * (rows + columns), rows * columns));
        return drawing.bundle(words.of("rank.title", rank), words.of("rank.description", rows, rank, columns));
    }

    private static void matrix(Drawing drawing, double[][] m, double x, double y, Drawing.Tone tone) {
        for (int i = 0; i < m.length; i++) {
            for (int j = 0; j < m[i].length; j++) {
                drawing.cell(
                        x + j * CELL, y + i * HEIGHT, CELL, HEIGHT, tone, String.format(Locale.ROOT, "%.2f", m[i][j]));
            }
        }
    }
}
