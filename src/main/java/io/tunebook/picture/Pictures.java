package io.tunebook.picture;

import io.tunebook.data.Cleaning;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.prepare.PreparedCorpus;
import java.util.List;
import java.util.Map;

/** The course's pictures, one line in a cell each. Each comes with a text that says the same to those who do not see it. */
public final class Pictures {
    private Pictures() {}

    /**
     * The chapters in a row, with what each gives and the reader's place.
     *
     * @param chapter 0 to 9
     * @throws IllegalArgumentException if there is no such chapter
     */
    public static MimeBundle path(int chapter) {
        return PathPicture.draw(chapter, Words.COURSE);
    }

    /**
     * One weight with LoRA's two thin matrices beside it.
     *
     * @param in inputs of the weight
     * @param out outputs of the weight
     * @param scale alpha / rank
     */
    public static MimeBundle lora(int in, int out, int rank, double scale) {
        return LoraPicture.draw(in, out, rank, scale, Words.COURSE);
    }

    /**
     * Two thin matrices and their product, with their numbers.
     *
     * @param b [rows][rank]
     * @param a [rank][columns]
     * @throws IllegalArgumentException if they cannot be multiplied
     */
    public static MimeBundle lowRank(double[][] b, double[][] a) {
        return LowRankPicture.draw(b, a, Words.COURSE);
    }

    /** The round of a training step. */
    public static MimeBundle trainingStep() {
        return StepPicture.draw(Words.COURSE);
    }

    /**
     * Shares of right answers by kind, side by side.
     *
     * @param models the model's name to its rates, 0 to 1, by kind; all with the kinds of the first
     * @throws IllegalArgumentException if there are none, or more than five
     */
    public static MimeBundle passRates(Map<String, Map<String, Double>> models) {
        return RatesPicture.draw(models, Words.COURSE);
    }

    /** How a corpus of any size is prepared, by {@link io.tunebook.prepare.Preparation}. */
    public static MimeBundle preparation() {
        return PreparationPicture.draw(Words.COURSE);
    }

    /**
     * Where the documents of a prepared corpus lie: its files with their documents and tokens.
     *
     * @throws IllegalArgumentException if it has more than twelve files
     */
    public static MimeBundle shards(PreparedCorpus corpus) {
        return ShardsPicture.draw(corpus.shards(), Words.COURSE);
    }

    /** A corpus as a recipe: files on the disk, one document at a time in memory, and the steps that it passes. */
    public static MimeBundle streaming() {
        return StreamingPicture.draw(Words.COURSE);
    }

    /**
     * A cleaning step by step, as {@link Cleaning#counts} has it after a pass.
     *
     * @throws IllegalArgumentException if there was no step
     */
    public static MimeBundle cleaning(List<Cleaning.Count> counts) {
        return CleaningPicture.draw(counts, Words.COURSE);
    }

    /** The beginnings of two texts, character by character: green where a run of five stands in the other as well. */
    public static MimeBundle twins(String first, String second) {
        return TwinsPicture.draw(first, second, Words.COURSE);
    }

    /**
     * A square for each document, coloured by its side.
     *
     * @param heldOut for each document whether it is held out; 1 to 400 of them
     * @throws IllegalArgumentException if there are none or more
     */
    public static MimeBundle split(List<Boolean> heldOut) {
        return SplitPicture.draw(heldOut, Words.COURSE);
    }

    /** Who speaks with whom. @param embedded whether the notebook serves the model itself, as no Ollama answers */
    public static MimeBundle servers(boolean embedded) {
        return ServersPicture.draw(embedded, Words.COURSE);
    }

    /**
     * The first pieces of a streamed answer, each where it arrived.
     *
     * @param milliseconds when each piece came, counted from the request
     * @throws IllegalArgumentException if there are not as many times as pieces, or none
     */
    public static MimeBundle stream(List<String> pieces, List<Long> milliseconds) {
        return StreamPicture.draw(pieces, milliseconds, Words.COURSE);
    }

    /**
     * What is sent with each question of a conversation.
     *
     * @param turns what the user and the model said in turn, the user first; 1 to 8 of them
     * @throws IllegalArgumentException if there are none or more
     */
    public static MimeBundle conversation(List<String> turns) {
        return ConversationPicture.draw(turns, Words.COURSE);
    }

    /**
     * The chances of a few words, softmax(scores / temperature), at several temperatures.
     *
     * @param scores the model's logits for the words
     * @throws IllegalArgumentException if there is not a score for each word, or no temperature
     */
    public static MimeBundle temperature(List<String> tokens, double[] scores, double... temperatures) {
        return TemperaturePicture.draw(tokens, scores, temperatures, Words.COURSE);
    }

    /**
     * A weight and a small change of it, on the steps of a coarse and a fine quantisation.
     *
     * @param coarse the distance of two values that can be stored, for instance with four bits
     * @param fine the same with eight bits
     * @throws IllegalArgumentException if a step is not above 0
     */
    public static MimeBundle rounding(double weight, double change, double coarse, double fine) {
        return RoundingPicture.draw(weight, change, coarse, fine, Words.COURSE);
    }

    /** The two roads of an adapter into Ollama. */
    public static MimeBundle roads() {
        return RoadsPicture.draw(Words.COURSE);
    }

    /**
     * Horizontal bars, in the map's order, each with its name and its value.
     *
     * @param unit what the bars count or measure
     * @throws IllegalArgumentException if there are none, more than 40, or a value is negative or not finite
     */
    public static MimeBundle bars(String title, String unit, Map<String, ? extends Number> values) {
        return BarsPicture.draw(title, unit, values);
    }
}
