package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;

/** One weight with LoRA beside it: the frozen matrix, the two thin ones, and how their outputs are added. */
final class LoraPicture {
    private LoraPicture() {}

    static MimeBundle draw(int in, int out, int rank, double scale, Words words) {
        String times = String.format(Locale.ROOT, "× %s", scale == Math.rint(scale) ? (long) scale + "" : scale);
        Drawing drawing = new Drawing(640, 260)
                .box(20, 105, 70, 44, Drawing.Tone.PLAIN, "x", String.valueOf(in))
                .box(
                        190,
                        24,
                        170,
                        90,
                        Drawing.Tone.BLUE,
                        words.lines("lora.frozen", out, in, String.format(Locale.ROOT, "%,d", (long) in * out)))
                .box(150, 172, 120, 60, Drawing.Tone.ORANGE, words.lines("lora.a", rank, in))
                .box(320, 172, 120, 60, Drawing.Tone.ORANGE, words.lines("lora.b", out, rank))
                .box(480, 184, 56, 36, Drawing.Tone.PLAIN, times)
                .box(480, 50, 56, 36, Drawing.Tone.PLAIN, "+")
                .box(575, 46, 50, 44, Drawing.Tone.PLAIN, "y", String.valueOf(out))
                .arrow(90, 118, 188, 72)
                .arrow(90, 138, 148, 196)
                .arrow(270, 202, 318, 202)
                .note(295, 192, Drawing.Anchor.MIDDLE, String.valueOf(rank))
                .arrow(440, 202, 478, 202)
                .arrow(508, 184, 508, 88)
                .arrow(360, 69, 478, 69)
                .arrow(536, 69, 573, 69)
                .note(
                        295,
                        248,
                        Drawing.Anchor.MIDDLE,
                        words.of("lora.trained", String.format(Locale.ROOT, "%,d", (long) rank * (in + out))));
        return drawing.bundle(words.of("lora.title"), words.of("lora.description", in, out, rank));
    }
}
