package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.Map;

/** The course's pictures, one line in a cell each. Each comes with a text that says the same to those who do not see it. */
public final class Pictures {
    private Pictures() {}

    /**
     * The chapters in a row, with what each gives and the reader's place.
     *
     * @param chapter 0 to 8
     * @throws IllegalArgumentException if there is no such chapter
     */
    public static MimeBundle path(int chapter) {
        return PathPicture.draw(chapter, Words.ENGLISH);
    }

    /**
     * One weight with LoRA's two thin matrices beside it.
     *
     * @param in inputs of the weight
     * @param out outputs of the weight
     * @param scale alpha / rank
     */
    public static MimeBundle lora(int in, int out, int rank, double scale) {
        return LoraPicture.draw(in, out, rank, scale, Words.ENGLISH);
    }

    /**
     * Two thin matrices and their product, with their numbers.
     *
     * @param b [rows][rank]
     * @param a [rank][columns]
     * @throws IllegalArgumentException if they cannot be multiplied
     */
    public static MimeBundle lowRank(double[][] b, double[][] a) {
        return LowRankPicture.draw(b, a, Words.ENGLISH);
    }

    /** The round of a training step. */
    public static MimeBundle trainingStep() {
        return StepPicture.draw(Words.ENGLISH);
    }

    /**
     * Shares of right answers by kind, side by side.
     *
     * @param models the model's name to its rates, 0 to 1, by kind; all with the kinds of the first
     * @throws IllegalArgumentException if there are none, or more than five
     */
    public static MimeBundle passRates(Map<String, Map<String, Double>> models) {
        return RatesPicture.draw(models, Words.ENGLISH);
    }
}
