package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/** A word's letters growing together, a line for each merge. */
final class MergesPicture {
    private static final int LETTER = 26;
    private static final int ROW = 40;

    private MergesPicture() {}

    static MimeBundle draw(List<List<String>> states, Words words) {
        String word = String.join("", states.get(0));
        int length = word.codePointCount(0, word.length());
        Drawing d = new Drawing(Math.max(420, length * (LETTER + 2) + 190), states.size() * ROW + 16);
        StringBuilder said = new StringBuilder();
        for (int s = 0; s < states.size(); s++) {
            double x = 160;
            double y = 12 + s * ROW;
            d.note(148, y + 18, Drawing.Anchor.END, s == 0 ? words.of("merges.letters") : words.of("merges.after", s));
            for (String piece : states.get(s)) {
                int letters = piece.codePointCount(0, piece.length());
                double w = letters * LETTER + (letters - 1) * 2;
                boolean isNew = s > 0 && !states.get(s - 1).contains(piece);
                d.box(x, y, w, 28, isNew ? Drawing.Tone.ORANGE : Drawing.Tone.BLUE, piece);
                x += w + 2;
            }
            said.append(s == 0 ? "" : "; ").append(String.join(" ", states.get(s)));
        }
        return d.bundle(words.of("merges.title", word), words.of("merges.description", word, said));
    }
}
