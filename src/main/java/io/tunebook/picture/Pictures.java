package io.tunebook.picture;

import io.tunebook.data.Cleaning;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.picture.DataPictures.CleaningPicture;
import io.tunebook.picture.DataPictures.PreparationPicture;
import io.tunebook.picture.DataPictures.ShardsPicture;
import io.tunebook.picture.DataPictures.SplitPicture;
import io.tunebook.picture.DataPictures.StreamingPicture;
import io.tunebook.picture.DataPictures.TwinsPicture;
import io.tunebook.picture.ServerPictures.ConversationPicture;
import io.tunebook.picture.ServerPictures.RoadsPicture;
import io.tunebook.picture.ServerPictures.ServersPicture;
import io.tunebook.picture.ServerPictures.StreamPicture;
import io.tunebook.picture.ServerPictures.TemperaturePicture;
import io.tunebook.picture.TrainingPictures.LoraPicture;
import io.tunebook.picture.TrainingPictures.LowRankPicture;
import io.tunebook.picture.TrainingPictures.RatesPicture;
import io.tunebook.picture.TrainingPictures.RoundingPicture;
import io.tunebook.picture.TrainingPictures.StepPicture;
import io.tunebook.prepare.PreparedCorpus;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The course's pictures, one line in a cell each. Each comes with a text that says the same to those who do not see it.
 */
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

    /**
     * Who speaks with whom.
     *
     * @param embedded whether the notebook serves the model itself, as no Ollama answers
     */
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

    /** The ten chapters in a row with what each gives, and the one where the reader is. */
    static final class PathPicture {
        static final int CHAPTERS = 10;
        private static final int STEP = 76;

        private PathPicture() {}

        static MimeBundle draw(int here, Words words) {
            if (here < 0 || here >= CHAPTERS) {
                throw new IllegalArgumentException(
                        "expected a chapter from 0 to " + (CHAPTERS - 1) + ", found " + here);
            }
            Drawing drawing = new Drawing(CHAPTERS * STEP + 16, 120);
            for (int i = 0; i < CHAPTERS; i++) {
                double x = 12 + i * STEP;
                Drawing.Tone tone = i == here ? Drawing.Tone.BLUE : i < here ? Drawing.Tone.GREEN : Drawing.Tone.PLAIN;
                drawing.box(x, 16, STEP - 14, 44, tone, String.valueOf(i), words.of("path." + i));
                String[] gives = words.lines("path." + i + ".gives");
                for (int l = 0; l < gives.length; l++) {
                    drawing.note(x + (STEP - 14) / 2.0, 80 + 14 * l, Drawing.Anchor.MIDDLE, gives[l]);
                }
                if (i + 1 < CHAPTERS) {
                    drawing.arrow(x + STEP - 13, 38, x + STEP - 1, 38);
                }
            }
            return drawing.bundle(words.of("path.title"), words.of("path.description", here, words.of("path." + here)));
        }
    }

    /** Horizontal bars, each with its name before it and its value behind it, so that none goes without a label. */
    private static final class BarsPicture {
        private static final int ROW = 24;
        private static final int MOST = 40;

        private BarsPicture() {}

        static MimeBundle draw(String title, String unit, Map<String, ? extends Number> values) {
            if (values.isEmpty() || values.size() > MOST) {
                throw new IllegalArgumentException("expected 1 to " + MOST + " bars, found " + values.size());
            }
            Drawing drawing = new Drawing(720, 56 + values.size() * ROW);
            drawing.head(16, 26, Drawing.Anchor.START, Drawing.cut(title + " (" + unit + ")", 14, 680));
            double most = Double.MIN_VALUE;
            for (Number value : values.values()) {
                if (!Double.isFinite(value.doubleValue()) || value.doubleValue() < 0) {
                    throw new IllegalArgumentException("expected numbers that are not negative, found " + value);
                }
                most = Math.max(most, value.doubleValue());
            }
            double y = 40;
            StringBuilder said = new StringBuilder(unit);
            for (Map.Entry<String, ? extends Number> entry : values.entrySet()) {
                double value = entry.getValue().doubleValue();
                double length = 400 * value / most;
                String number = value == Math.rint(value)
                        ? String.format(Locale.ROOT, "%,d", (long) value)
                        : String.format(Locale.ROOT, "%.4g", value);
                drawing.text(
                        190, y + 13, 12, Drawing.Anchor.END, Drawing.INK, false, Drawing.cut(entry.getKey(), 12, 174));
                drawing.bar(200, y, length, ROW - 8, Drawing.Tone.BLUE);
                drawing.note(206 + length, y + 12, Drawing.Anchor.START, number);
                said.append(", ").append(entry.getKey()).append(' ').append(number);
                y += ROW;
            }
            return drawing.bundle(title, said.toString());
        }
    }
}
