package io.tunebook.dataset;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Corpus;
import io.tunebook.data.Document;
import io.tunebook.dataset.ChatTokens.TokenBuilder;
import io.tunebook.dataset.DatasetSummary.Truncation;
import io.tunebook.dataset.TokenFileWriter.TokenFileLock;
import io.tunebook.model.TokenBatch;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Examples as tokens, each token with whether its prediction counts in the loss. Immutable: every method that changes
 * something gives another view of the same tokens, which lie in memory or in a mapped {@link TokenFile}.
 */
public final class Dataset {
    private final TokenFile tokens;
    private final long[] starts;
    private final int[] lengths;
    /** For each example what became of its thoughts; null where that is not known. */
    private final List<ChatTokens.Answers> answers;

    private final List<String> notes;

    /**
     * A data set in two parts.
     *
     * @param train the examples to learn from
     * @param heldOut the examples to measure with
     */
    public record Split(Dataset train, Dataset heldOut) {}

    private Dataset(
            TokenFile tokens, long[] starts, int[] lengths, List<ChatTokens.Answers> answers, List<String> notes) {
        this.answers = answers;
        this.tokens = tokens;
        this.starts = starts;
        this.lengths = lengths;
        this.notes = List.copyOf(notes);
    }

    static Dataset of(TokenFile tokens, List<ChatTokens.Answers> answers, List<String> notes) {
        int n = tokens.examples();
        long[] starts = new long[n];
        int[] lengths = new int[n];
        for (int i = 0; i < n; i++) {
            starts[i] = tokens.start(i);
            lengths[i] = Math.toIntExact(tokens.start(i + 1) - starts[i]);
        }
        return new Dataset(tokens, starts, lengths, answers, notes);
    }

    /**
     * Conversations of a file, written by the model's chat template; what the assistant says is labelled.
     *
     * @param file in any form that {@link ChatExample#read} knows
     * @throws io.tunebook.data.CorpusException if a row is no conversation, or not one to learn from as
     *     {@link #chat(List, ChatTemplate)} says, with its place
     * @throws IOException if the file is not there
     */
    public static Dataset chat(Path file, Tokenizer tokenizer) throws IOException {
        return chat(Corpus.open(file), tokenizer.chatTemplate());
    }

    /** As {@link #chat(Corpus, ChatTemplate)}, with the model's own chat template. */
    public static Dataset chat(Corpus corpus, Tokenizer tokenizer) {
        return chat(corpus, tokenizer.chatTemplate());
    }

    /**
     * Conversations of a corpus, with what was said of it: its files' encoding, names of columns, steps, and what to do
     * about wrong rows. With {@link Corpus.OnError#SKIP} rows that cannot be learned from are left out, and
     * {@link Corpus#problems()} tells which.
     *
     * @throws io.tunebook.data.CorpusException if a row is no conversation, or not one to learn from as
     *     {@link #chat(List, ChatTemplate)} says, unless {@code SKIP} was said
     */
    public static Dataset chat(Corpus corpus, ChatTemplate template) {
        ChatTokens tokens = new ChatTokens(template);
        corpus.forEachChat(tokens::add);
        return tokens.dataset();
    }

    /** As {@link #chat(List, ChatTemplate)}, with the model's own chat template. */
    public static Dataset chat(List<ChatExample> examples, Tokenizer tokenizer) {
        return chat(examples, tokenizer.chatTemplate());
    }

    /**
     * Conversations, written by a chat template; what the assistant says is labelled.
     *
     * @param template the model's own, or what {@link ChatTemplate#forTraining} makes of it
     * @throws IllegalArgumentException if an example holds nothing that the assistant says; if the template refuses it;
     *     or if its text does not begin with its generation prompt, so that the model would learn what generation never
     *     asks for
     * @throws IllegalStateException if the model has no chat template
     */
    public static Dataset chat(List<ChatExample> examples, ChatTemplate template) {
        ChatTokens tokens = new ChatTokens(template);
        for (int i = 0; i < examples.size(); i++) {
            try {
                tokens.add(examples.get(i));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("example " + i + ": " + e.getMessage(), e);
            }
        }
        return tokens.dataset();
    }

    /**
     * Texts, each with the model's special tokens and an end of sequence, every token labelled.
     *
     * @throws IllegalArgumentException if the tokenizer has no end-of-sequence token
     */
    public static Dataset text(Iterable<String> texts, Tokenizer tokenizer) {
        TokenBuilder builder = new TokenBuilder(tokenizer.checksum());
        TextTokens.tokenize(texts.iterator(), tokenizer, builder::add);
        return of(builder.build(), null, List.of());
    }

    /**
     * Texts of any number by way of a file, which is mapped and not held in memory. Where the file is there already
     * with the same identity and tokenizer, it is opened; where a former run was cut off, it goes on from there, if its
     * texts were the same so far.
     *
     * @param texts the texts, the same at each run; those that a former run did are skipped
     * @param identity what tells these texts from others, such as their folder with its size
     * @param file where the tokens go; {@code file.part}, {@code file.index.part} and {@code file.lock} lie beside it
     *     meanwhile
     * @throws IOException if the file cannot be written; if it is there and is no file of tokens; if another process
     *     is writing it, with its number
     */
    public static Dataset text(Iterable<String> texts, Tokenizer tokenizer, String identity, Path file)
            throws IOException {
        return of(TextTokens.create(texts, tokenizer, identity, false, file), null, List.of());
    }

    /**
     * The documents of a corpus by way of a file, as {@link #text(Iterable, Tokenizer, String, Path)}. Where the file
     * is there already, the corpus is read once and its texts are compared with those that the file was made of; if any
     * is another, the file is made again.
     *
     * @throws IOException if the file cannot be written; if it is there and is no file of tokens; if another process
     *     is writing it, with its number
     */
    public static Dataset text(Corpus corpus, Tokenizer tokenizer, Path file) throws IOException {
        Iterable<String> texts = () -> corpus.stream().map(Document::content).iterator();
        return of(TextTokens.create(texts, tokenizer, "corpus", true, file), null, List.of());
    }

    /**
     * Writes texts to a file as {@link #text(Iterable, Tokenizer)} makes them: each an example, or all of them one
     * after the other in examples of one length, of which only the last may be shorter. The same texts give the same
     * bytes.
     *
     * @param sequence the tokens of an example; 0 for one example a text
     * @param file where the tokens go; it appears when it is whole
     * @throws IllegalArgumentException if the sequence is 1 or negative; if the tokenizer has no end-of-sequence token
     * @throws IOException if it cannot be written; if something is there that is no file of tokens; if another process
     *     is writing it, with its number
     */
    public static Dataset write(Iterable<String> texts, Tokenizer tokenizer, int sequence, Path file)
            throws IOException {
        if (sequence < 0 || sequence == 1) {
            throw new IllegalArgumentException("expected at least 2 tokens a sequence, or 0, found " + sequence);
        }
        try (TokenFileLock lock = TokenFileLock.take(file);
                TokenFileWriter writer = TokenFileWriter.anew(file, tokenizer.checksum(), "texts")) {
            TextTokens.write(texts.iterator(), tokenizer, sequence, writer);
            writer.finish();
        }
        return of(TokenFile.open(file), null, List.of());
    }

    /**
     * Opens several files of tokens as one data set, such as the shards of a prepared corpus.
     *
     * @throws IllegalArgumentException if there is no file, or one was made with another vocabulary
     * @throws IOException if one cannot be read or is not of this form
     */
    public static Dataset open(List<Path> files, Tokenizer tokenizer) throws IOException {
        if (files.isEmpty()) {
            throw new IllegalArgumentException("expected at least one file of tokens, found none");
        }
        List<TokenFile> opened = new ArrayList<>();
        for (Path file : files) {
            TokenFile part = TokenFile.open(file);
            tokenizer.requireChecksum(file.toString(), part.checksum());
            opened.add(part);
        }
        return of(TokenFile.joined(opened), null, List.of());
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
        return of(opened, null, List.of());
    }

    /**
     * Writes the examples to a file, beside it first and then moved into place.
     *
     * @throws IOException if it cannot be written; if something is there that is no file of tokens; if another process
     *     is writing it, with its number
     */
    public void save(Path file) throws IOException {
        try (TokenFileLock lock = TokenFileLock.take(file);
                TokenFileWriter writer = TokenFileWriter.anew(file, tokens.checksum(), "saved")) {
            for (int i = 0; i < size(); i++) {
                writer.add(marked(i), 0);
            }
            writer.finish();
        }
    }

    /**
     * Compares the file that the tokens lie in with its checksum; training does so before its first step. Reads the
     * whole file the first time, nothing later, and nothing where the tokens are in memory.
     *
     * @throws io.tunebook.tensors.ModelFormatException if the file is damaged
     * @throws IOException if it cannot be read
     */
    public void verify() throws IOException {
        tokens.verify();
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
     * out; {@link DatasetSummary#notes()} says how many were cut, how many answers that cost, and how many are left
     * out.
     */
    public Dataset truncate(int most) {
        if (most < 2) {
            throw new IllegalArgumentException("expected at least 2 tokens an example, found " + most);
        }
        Truncation truncation = Truncation.of(this, most);
        List<String> said = new ArrayList<>(notes);
        truncation.note().ifPresent(said::add);
        Dataset chosen = select(truncation.kept(), said);
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
        return new Dataset(tokens, newStarts, newLengths, null, notes);
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

    /** The same examples in the order that {@link Packing#batches(Dataset, long)} takes them with this seed. */
    public Dataset shuffle(long seed) {
        return select(Arrays.stream(shuffled(size(), seed)).boxed().toList(), notes);
    }

    /** The figures of this data set. Reads all tokens once. */
    public DatasetSummary summary() {
        long labelled = 0;
        for (int i = 0; i < size(); i++) {
            for (int token : marked(i)) {
                labelled += token >= 0 ? 1 : 0;
            }
        }
        ChatTokens.Answers all = answers == null
                ? ChatTokens.Answers.NONE
                : answers.stream().reduce(ChatTokens.Answers.NONE, ChatTokens.Answers::plus);
        return DatasetSummary.of(lengths, labelled, all, notes);
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
                answers == null ? null : examples.stream().map(answers::get).toList(),
                said);
    }
}
