package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Encoding;
import io.tunebook.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** Pictures of how text becomes tokens. */
public final class TokenPictures {
    private TokenPictures() {}

    /**
     * How a model lies in Ollama's folder: the manifest names the blob by its SHA-256, and the blob is one GGUF file
     * with everything in it.
     */
    public static MimeBundle store(ModelStore store, StoredModel model) {
        return StorePicture.draw(store, model, Words.COURSE);
    }

    /** A text as pieces, each with its id under it. */
    public static MimeBundle pieces(Tokenizer tokenizer, String text) {
        return PiecesPicture.draw(tokenizer, text, Words.COURSE);
    }

    /**
     * How a word grew together: a line for each state.
     *
     * @param states the word's pieces, first the letters, then after each merge
     */
    public static MimeBundle merges(List<List<String>> states) {
        return MergesPicture.draw(states, Words.COURSE);
    }

    /**
     * A batch as the rectangle that it is: real tokens coloured, padding pale, the mask's 1 or 0 in the corner of each.
     */
    public static MimeBundle batch(Encoding.Batch batch) {
        return BatchPicture.draw(batch, Words.COURSE);
    }

    /**
     * A conversation as the chat template writes it, line by line; the assistant's part, which training learns, stands
     * out.
     */
    public static MimeBundle template(ChatTemplate.Encoded conversation, Tokenizer tokenizer) {
        return TemplatePicture.draw(conversation, tokenizer, Words.COURSE);
    }

    /** Ollama's folder: a manifest, an arrow to the blob that it names, and what is in the blob. */
    private static final class StorePicture {
        private StorePicture() {}

        static MimeBundle draw(ModelStore store, StoredModel model, Words words) {
            String blob = model.gguf().getFileName().toString();
            String digest = blob.length() > 20 ? blob.substring(0, 19) + "…" : blob;
            String size =
                    words.of("store.size", String.format(java.util.Locale.ROOT, "%,d", model.bytes() / 1_000_000));
            Drawing d = new Drawing(720, 244);
            d.head(20, 28, Drawing.Anchor.START, words.of("store.folder"));
            d.box(20, 60, 190, 70, Drawing.Tone.ORANGE, "manifests/…", model.name(), words.of("store.manifest"));
            d.arrow(212, 95, 280, 95);
            d.note(246, 86, Drawing.Anchor.MIDDLE, words.of("store.names"));
            d.box(282, 60, 190, 70, Drawing.Tone.BLUE, "blobs/", digest, size);
            d.arrow(474, 95, 540, 95);
            d.note(507, 86, Drawing.Anchor.MIDDLE, words.of("store.holds"));
            String[] parts = words.lines("store.parts");
            for (int i = 0; i < parts.length; i++) {
                d.box(542, 30 + 44 * i, 158, 36, Drawing.Tone.GREEN, parts[i]);
            }
            d.note(20, 228, Drawing.Anchor.START, words.of("store.missing"));
            return d.bundle(words.of("store.title"), words.of("store.description", model.name(), digest, size));
        }
    }

    /** The pieces of a text in boxes, with their ids. */
    private static final class PiecesPicture {
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

        /**
         * A piece as one sees it: a space as an open box, the rest of a character that an earlier token began as an
         * ellipsis.
         */
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

    /** A word's letters growing together, a line for each merge. */
    private static final class MergesPicture {
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
                d.note(
                        148,
                        y + 18,
                        Drawing.Anchor.END,
                        s == 0 ? words.of("merges.letters") : words.of("merges.after", s));
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

    /** A batch's ids in a grid, padding pale, the attention mask in each cell. */
    private static final class BatchPicture {
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
            d.bar(230, y, 14, 14, Drawing.Tone.PLAIN)
                    .note(250, y + 11, Drawing.Anchor.START, words.of("batch.padding"));
            return d.bundle(
                    words.of("batch.title"), words.of("batch.description", rows, columns, real, rows * columns - real));
        }
    }

    /** The one string that a chat template writes: special tokens framed, what is learned coloured. */
    private static final class TemplatePicture {
        private static final int WIDTH = 740;
        private static final int ROW = 30;

        /** A stretch of tokens of one kind. */
        private record Run(String text, Drawing.Tone tone, boolean endsLine) {}

        private TemplatePicture() {}

        static MimeBundle draw(ChatTemplate.Encoded conversation, Tokenizer tokenizer, Words words) {
            List<Run> runs = runs(conversation, tokenizer);
            int lines = 1 + (int) runs.stream().filter(Run::endsLine).count();
            Drawing d = new Drawing(WIDTH, lines * ROW + 44);
            double x = 14;
            double y = 12;
            for (Run run : runs) {
                String shown = run.text().replace("\n", "↵");
                double w = Math.min(Drawing.textWidth(shown, 13) + 12, WIDTH - 14 - x);
                d.box(x, y, w, 24, run.tone(), Drawing.cut(shown, 13, Math.max(30, w - 8)));
                x += w + 3;
                if (run.endsLine()) {
                    x = 14;
                    y += ROW;
                }
            }
            double last = lines * ROW + 20;
            d.bar(14, last, 14, 14, Drawing.Tone.ORANGE)
                    .note(34, last + 11, Drawing.Anchor.START, words.of("template.special"));
            d.bar(200, last, 14, 14, Drawing.Tone.PLAIN)
                    .note(220, last + 11, Drawing.Anchor.START, words.of("template.read"));
            d.bar(386, last, 14, 14, Drawing.Tone.GREEN)
                    .note(406, last + 11, Drawing.Anchor.START, words.of("template.learned"));
            return d.bundle(words.of("template.title"), words.of("template.description", conversation.text()));
        }

        private static List<Run> runs(ChatTemplate.Encoded conversation, Tokenizer tokenizer) {
            Encoding tokens = tokenizer.encode(conversation.text(), false);
            List<Run> runs = new ArrayList<>();
            for (int i = 0; i < tokens.length(); i++) {
                boolean special = tokenizer.isSpecial(tokens.ids()[i]);
                boolean learned = conversation.assistant()[i];
                Drawing.Tone tone = learned ? Drawing.Tone.GREEN : special ? Drawing.Tone.ORANGE : Drawing.Tone.PLAIN;
                String piece = conversation.text().substring(tokens.starts()[i], tokens.ends()[i]);
                Run before = runs.isEmpty() ? null : runs.get(runs.size() - 1);
                boolean same = before != null && before.tone() == tone && !before.endsLine() && !special;
                Run run = new Run((same ? before.text() : "") + piece, tone, piece.endsWith("\n"));
                if (same) {
                    runs.set(runs.size() - 1, run);
                } else {
                    runs.add(run);
                }
            }
            return runs;
        }
    }
}
