package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.picture.Drawing.Anchor;
import io.tunebook.picture.Drawing.Tone;

/** A decoder as a whole, and one of its layers. */
final class LayerPicture {
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
        d.box(322, 88, 170, 54, Tone.ORANGE, words.of("layer.look"), words.of("layer.heads", c.heads(), c.headDim()));
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
