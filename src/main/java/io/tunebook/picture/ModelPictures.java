package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.picture.Drawing.Anchor;
import io.tunebook.picture.Drawing.Tone;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Pictures of what a model computes. */
public final class ModelPictures {
    private ModelPictures() {}

    /** The whole model: tokens, embedding, layers, output, probabilities; with the shapes for so many tokens. */
    public static MimeBundle model(ModelConfig config, int tokens) {
        return LayerPicture.model(config, tokens, Words.COURSE);
    }

    /** One layer with its seven matrices, their names and shapes. */
    public static MimeBundle layer(ModelConfig config) {
        return LayerPicture.layer(config, Words.COURSE);
    }

    /**
     * What a head looks at.
     *
     * @param pieces the text's tokens as one reads them
     * @param weights [tokens][tokens], each row adding up to 1
     */
    public static MimeBundle attention(List<String> pieces, float[][] weights) {
        return AttentionPicture.draw(pieces, weights, Words.COURSE);
    }

    /**
     * What may come next, a bar for each token.
     *
     * @param text what came before
     * @param shares tokens with their probabilities, from 0 to 1, the likeliest first
     */
    public static MimeBundle nextTokens(String text, Map<String, Double> shares) {
        return NextTokensPicture.draw(text, shares, Words.COURSE);
    }

    /** A decoder as a whole, and one of its layers. */
    private static final class LayerPicture {
        private LayerPicture() {}

        static MimeBundle model(ModelConfig c, int tokens, Words words) {
            Drawing d = new Drawing(740, 150);
            String[] heads = {
                words.of("model.ids"),
                words.of("model.embedding"),
                words.of("model.layers", c.layers()),
                words.of("model.output"),
                words.of("model.softmax")
            };
            String[] shapes = {
                "[" + tokens + "]",
                "[" + tokens + " × " + c.hiddenSize() + "]",
                "[" + tokens + " × " + c.hiddenSize() + "]",
                "[" + tokens + " × " + c.vocabularySize() + "]",
                "[" + tokens + " × " + c.vocabularySize() + "]"
            };
            Tone[] tones = {Tone.PLAIN, Tone.BLUE, Tone.GREEN, Tone.BLUE, Tone.ORANGE};
            for (int i = 0; i < heads.length; i++) {
                double x = 14 + i * 146;
                d.box(x, 30, 126, 60, tones[i], heads[i]);
                d.note(x + 63, 112, Anchor.MIDDLE, shapes[i]);
                if (i + 1 < heads.length) {
                    d.arrow(x + 128, 60, x + 144, 60);
                }
            }
            d.note(14, 138, Anchor.START, words.of("model.shapes", tokens));
            return d.bundle(
                    words.of("model.title"),
                    words.of("model.description", c.layers(), c.hiddenSize(), c.vocabularySize(), tokens));
        }

        static MimeBundle layer(ModelConfig c, Words words) {
            int h = c.hiddenSize();
            int q = c.heads() * c.headDim();
            int kv = c.kvHeads() * c.headDim();
            int inner = c.innerSize();
            Drawing d = new Drawing(740, 360);
            half(d, 14, words.of("layer.attention"));
            d.box(40, 60, 90, 34, Tone.PLAIN, "RMSNorm");
            d.arrow(132, 77, 164, 72).arrow(132, 77, 164, 113).arrow(132, 77, 164, 156);
            matrix(d, 166, 52, "q", q, h);
            matrix(d, 166, 96, "k", kv, h);
            matrix(d, 166, 140, "v", kv, h);
            d.arrow(278, 77, 320, 100).arrow(278, 115, 320, 115).arrow(278, 159, 320, 130);
            d.box(
                    322,
                    88,
                    170,
                    54,
                    Tone.ORANGE,
                    words.of("layer.look"),
                    words.of("layer.heads", c.heads(), c.headDim()));
            d.arrow(494, 115, 526, 115);
            matrix(d, 528, 96, "o", h, q);
            plus(d, 115);
            half(
                    d,
                    190,
                    c.experts()
                            .map(e -> words.of("layer.experts", e.count(), e.chosen()))
                            .orElse(words.of("layer.mlp")));
            d.box(40, 236, 90, 34, Tone.PLAIN, "RMSNorm");
            d.arrow(132, 253, 164, 247).arrow(132, 253, 164, 297);
            matrix(d, 166, 228, "gate", inner, h);
            matrix(d, 166, 280, "up", inner, h);
            d.arrow(278, 247, 320, 262).arrow(278, 299, 320, 284);
            d.box(322, 246, 170, 54, Tone.ORANGE, "SwiGLU", words.of("layer.swiglu"));
            d.arrow(494, 273, 526, 273);
            matrix(d, 528, 254, "down", h, inner);
            plus(d, 273);
            d.note(14, 346, Anchor.START, words.of("layer.note", h));
            return d.bundle(words.of("layer.title"), words.of("layer.description", q, kv, inner, h));
        }

        private static void half(Drawing d, double y, String name) {
            d.head(16, y + 16, Anchor.START, name);
            d.line(16, y + 24, 724, y + 24);
        }

        private static void matrix(Drawing d, double x, double y, String name, int out, int in) {
            d.box(x, y, 110, 38, Tone.BLUE, name, out + " × " + in);
        }

        private static void plus(Drawing d, double y) {
            d.arrow(640, y, 672, y);
            d.box(674, y - 16, 44, 32, Tone.GREEN, "+ x");
        }
    }

    /** A head's attention as a grid: a row looks at the columns. */
    private static final class AttentionPicture {
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
                said.append(i == 0 ? "" : ", ")
                        .append(pieces.get(i))
                        .append(" → ")
                        .append(pieces.get(most));
            }
            d.note(14, n * CELL + 62, Drawing.Anchor.START, words.of("attention.note"));
            return d.bundle(words.of("attention.title"), words.of("attention.description", said));
        }

        private static String shown(String piece) {
            return piece.replace(' ', '␣').replace('\n', '↵');
        }
    }

    /** The likeliest next tokens with a bar each. */
    private static final class NextTokensPicture {
        private static final int ROW = 28;

        private NextTokensPicture() {}

        static MimeBundle draw(String text, Map<String, Double> shares, Words words) {
            Drawing d = new Drawing(640, shares.size() * ROW + 64);
            d.text(16, 28, Drawing.cut(words.of("next.after", text), 13, 600));
            StringBuilder said = new StringBuilder();
            int i = 0;
            for (Map.Entry<String, Double> share : shares.entrySet()) {
                double y = 42 + i++ * ROW;
                String percent = String.format(Locale.ROOT, "%.1f %%", 100 * share.getValue());
                String piece = share.getKey().replace(' ', '␣').replace('\n', '↵');
                d.text(120, y + 16, 13, Drawing.Anchor.END, Drawing.INK, false, Drawing.cut(piece, 13, 104));
                d.bar(130, y + 2, 400 * share.getValue(), 20, Drawing.Tone.BLUE);
                d.note(138 + 400 * share.getValue(), y + 16, Drawing.Anchor.START, percent);
                said.append(i == 1 ? "" : ", ").append(piece).append(' ').append(percent);
            }
            return d.bundle(words.of("next.title"), words.of("next.description", text, said));
        }
    }
}
