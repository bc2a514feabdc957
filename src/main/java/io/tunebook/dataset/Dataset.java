package io.tunebook.dataset;

import io.tunebook.data.ChatExample;
import io.tunebook.model.TokenBatch;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Examples as tokens, each token with whether its prediction counts in the loss. Immutable: every method that changes
 * something gives another view of the same tokens, which lie in memory or in a mapped {@link TokenFile}.
 */
public final class Dataset {
    private final TokenFile tokens;
    private final long[] starts;
    private final int[] lengths;
    private final List<String> notes;

    /**
     * A data set in two parts.
     *
     * @param train the examples to learn from
     * @param heldOut the examples to measure with
     */
    public record Split(Dataset train, Dataset heldOut) {}

    /**
     * A data set in figures.
     *
     * @param examples the number of examples
     * @param tokens their tokens
     * @param labelled the tokens whose prediction counts in the loss
     * @param longest the tokens of the longest example
     * @param median the tokens of an example in the middle
     * @param notes what was cut or left out on the way here, in words
     */
    public record Summary(int examples, long tokens, long labelled, int longest, int median, List<String> notes) {
        /** The share of labelled tokens, 0 to 1. */
        public double labelledShare() {
            return tokens == 0 ? 0 : (double) labelled / tokens;
        }

        @Override
        public String toString() {
            String figures = String.format(
                    Locale.ROOT,
                    "%,d examples, %,d tokens, %.0f %% of them labelled; longest %,d, median %,d",
                    examples,
                    tokens,
                    100 * labelledShare(),
                    longest,
                    median);
            return notes.isEmpty() ? figures : figures + "\n" + String.join("\n", notes);
        }
    }

    private Dataset(TokenFile tokens, long[] starts, int[] lengths, List<String> notes) {
        this.tokens = tokens;
        this.starts = starts;
        this.lengths = lengths;
        this.notes = List.copyOf(notes);
    }

    private static Dataset of(TokenFile tokens, List<String> notes) {
        int n = tokens.examples();
        long[] starts = new long[n];
        int[] lengths = new int[n];
        for (int i = 0; i < n; i++) {
            starts[i] = tokens.start(i);
            lengths[i] = Math.toIntExact(tokens.start(i + 1) - starts[i]);
        }
        return new Dataset(tokens, starts, lengths, notes);
    }

    /**
     * Conversations of a file, written by the model's chat template; what the assistant says is labelled.
     *
     * @param file in any form that {@link ChatExample#read} knows
     * @throws IOException if the file cannot be read or a line is no conversation, with its place
     */
    public static Dataset chat(Path file, Tokenizer tokenizer) throws IOException {
        return chat(ChatExample.read(file), tokenizer);
    }

    /**
     * Conversations, written by the model's chat template; what the assistant says is labelled.
     *
     * @throws IllegalArgumentException if an example holds nothing that the assistant says
     * @throws io.tunebook.jinja.TemplateException if the template refuses an example
     * @throws IllegalStateException if the model has no chat template
     */
    public static Dataset chat(List<ChatExample> examples, Tokenizer tokenizer) {
        ChatTemplate template = tokenizer.chatTemplate();
        TokenFile.Builder builder = new TokenFile.Builder(tokenizer.checksum());
        for (int i = 0; i < examples.size(); i++) {
            ChatTemplate.Encoded encoded = template.encode(examples.get(i));
            int[] marked = encoded.ids();
            boolean any = false;
            for (int t = 0; t < marked.length; t++) {
                any |= encoded.assistant()[t];
                marked[t] = encoded.assistant()[t] ? marked[t] : ~marked[t];
            }
            if (!any) {
                throw new IllegalArgumentException("example " + i
                        + ": expected something that the assistant says, found none, so there is nothing to learn: "
                        + examples.get(i).messages());
            }
            builder.add(marked);
        }
        return of(builder.build(), List.of());
    }

    /**
     * Texts, each with the model's special tokens and an end of sequence, every token labelled.
     *
     * @throws IllegalArgumentException if the tokenizer has no end-of-sequence token
     */
    public static Dataset text(Iterable<String> texts, Tokenizer tokenizer) {
        TokenFile.Builder builder = new TokenFile.Builder(tokenizer.checksum());
        TokenFile.tokenize(texts.iterator(), tokenizer, builder::add);
        return of(builder.build(), List.of());
    }

    /**
     * Texts of any number by way of a file, which is mapped and not held in memory. Where the file is there already
     * with the same identity and tokenizer, it is opened; where a former run was cut off, it goes on from there.
     *
     * @param texts the texts, the same at each run; those that a former run did are skipped
     * @param identity what tells these texts from others, such as their folder with its size
     * @param file where the tokens go; {@code file.part} and {@code file.index.part} lie beside it meanwhile
     * @throws IOException if the file cannot be written or is not of this form
     */
    public static Dataset text(Iterable<String> texts, Tokenizer tokenizer, String identity, Path file)
            throws IOException {
        return of(TokenFile.create(texts, tokenizer, identity, file), List.of());
    }

    /**
     * Opens what {@link #save} or {@link #text(Iterable, Tokenizer, String, Path)} wrote.
     *
     * @throws IllegalArgumentException if it was made with another vocabulary
     * @throws IOException if it cannot be read or is not of this form
     */
    public static Dataset open(Path file, Tokenizer tokenizer) throws IOException {
        TokenFile opened = TokenFile.open(file);
        tokenizer.requireChecksum(file.toString(), opened.checksum());
        return of(opened, List.of());
    }

    /** Writes the examples to a file, beside it first and then moved into place. */
    public void save(Path file) throws IOException {
        try (TokenFile.Writer writer = new TokenFile.Writer(file, tokens.checksum(), "")) {
            for (int i = 0; i < size(); i++) {
                int[] marked = new int[lengths[i]];
                tokens.read(starts[i], marked);
                writer.add(marked);
            }
            writer.finish();
        }
    }

    /** The number of examples. */
    public int size() {
        return lengths.length;
    }

    /** The tokens of all examples. */
    public long tokens() {
        return Arrays.stream(lengths).asLongStream().sum();
    }

    /** The ids of an example. */
    public int[] ids(int example) {
        int[] marked = marked(example);
        for (int t = 0; t < marked.length; t++) {
            marked[t] = marked[t] < 0 ? ~marked[t] : marked[t];
        }
        return marked;
    }

    /** The labels of an example: its ids, {@link TokenBatch#IGNORED} where they do not count. */
    public int[] labels(int example) {
        int[] marked = marked(example);
        for (int t = 0; t < marked.length; t++) {
            marked[t] = marked[t] < 0 ? TokenBatch.IGNORED : marked[t];
        }
        return marked;
    }

    /** The tokens of each example, for a figure. */
    public int[] lengths() {
        return lengths.clone();
    }

    /** The checksum of the vocabulary that the ids are of, as {@link Tokenizer#checksum()}. */
    public String tokenizerChecksum() {
        return tokens.checksum();
    }

    /**
     * Every example cut to at most a number of tokens, from its end. An example whose labels all lie past that is left
     * out; {@link Summary#notes()} says how many were cut, how many answers that cost, and how many are left out.
     */
    public Dataset truncate(int most) {
        if (most < 2) {
            throw new IllegalArgumentException("expected at least 2 tokens an example, found " + most);
        }
        int cut = 0;
        int shortened = 0;
        int lost = 0;
        List<Integer> kept = new ArrayList<>();
        for (int i = 0; i < size(); i++) {
            if (lengths[i] <= most) {
                kept.add(i);
                continue;
            }
            int[] labels = labels(i);
            int before = answers(labels, lengths[i]);
            int after = answers(labels, most);
            lost += before - after;
            if (after > 0) {
                cut++;
                shortened += labels[most - 1] != TokenBatch.IGNORED && labels[most] != TokenBatch.IGNORED ? 1 : 0;
                kept.add(i);
            }
        }
        List<String> said = new ArrayList<>(notes);
        if (cut > 0 || kept.size() < size()) {
            said.add(cut + " examples cut to " + most + " tokens, which cuts " + shortened + " answers short; "
                    + (size() - kept.size()) + " examples left out because no answer begins before that; " + lost
                    + " answers lost in all");
        }
        Dataset chosen = select(kept, said);
        for (int i = 0; i < chosen.size(); i++) {
            chosen.lengths[i] = Math.min(chosen.lengths[i], most);
        }
        return chosen;
    }

    /** Every example cut into pieces of at most a number of tokens, none lost: for texts, not for conversations. */
    public Dataset windows(int most) {
        if (most < 2) {
            throw new IllegalArgumentException("expected at least 2 tokens an example, found " + most);
        }
        int pieces = Arrays.stream(lengths).map(n -> (n + most - 1) / most).sum();
        long[] newStarts = new long[pieces];
        int[] newLengths = new int[pieces];
        int at = 0;
        for (int i = 0; i < size(); i++) {
            for (int from = 0; from < lengths[i]; from += most) {
                newStarts[at] = starts[i] + from;
                newLengths[at++] = Math.min(most, lengths[i] - from);
            }
        }
        return new Dataset(tokens, newStarts, newLengths, notes);
    }

    /** Runs of labels that begin before a token: what a conversation's assistant says in one go. */
    private static int answers(int[] labels, int end) {
        int answers = 0;
        for (int t = 0; t < end; t++) {
            answers += labels[t] != TokenBatch.IGNORED && (t == 0 || labels[t - 1] == TokenBatch.IGNORED) ? 1 : 0;
        }
        return answers;
    }

    /**
     * Two parts with no example in common, chosen at random.
     *
     * @param heldOutFraction the share of examples to hold out, 0 to 1; at least one where there are two or more and
     *     the share is above 0
     * @param seed the same seed gives the same parts
     */
    public Split split(double heldOutFraction, long seed) {
        if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
            throw new IllegalArgumentException("expected a fraction from 0 to below 1, found " + heldOutFraction);
        }
        int[] order = shuffled(size(), seed);
        int held = (int) Math.round(size() * heldOutFraction);
        if (held == 0 && heldOutFraction > 0 && size() > 1) {
            held = 1;
        }
        List<Integer> train = new ArrayList<>();
        List<Integer> heldOut = new ArrayList<>();
        for (int i = 0; i < order.length; i++) {
            (i < held ? heldOut : train).add(order[i]);
        }
        train.sort(null);
        heldOut.sort(null);
        return new Split(select(train, notes), select(heldOut, notes));
    }

    /** The figures of this data set. Reads all tokens once. */
    public Summary summary() {
        long labelled = 0;
        for (int i = 0; i < size(); i++) {
            for (int token : marked(i)) {
                labelled += token >= 0 ? 1 : 0;
            }
        }
        int[] sorted = lengths.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return new Summary(n, tokens(), labelled, n == 0 ? 0 : sorted[n - 1], n == 0 ? 0 : sorted[n / 2], notes);
    }

    @Override
    public String toString() {
        return summary().toString();
    }

    /** An example's tokens as they are stored: the id where it counts, its complement where not. */
    int[] marked(int example) {
        int[] marked = new int[lengths[example]];
        tokens.read(starts[example], marked);
        return marked;
    }

    int length(int example) {
        return lengths[example];
    }

    /** Numbers from 0 in an order that a seed gives. */
    static int[] shuffled(int n, long seed) {
        int[] order = new int[n];
        Random random = new Random(seed);
        for (int i = 0; i < n; i++) {
            int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    private Dataset select(List<Integer> examples, List<String> said) {
        return new Dataset(
                tokens,
                examples.stream().mapToLong(i -> starts[i]).toArray(),
                examples.stream().mapToInt(i -> lengths[i]).toArray(),
                said);
    }
}
