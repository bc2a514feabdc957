package io.tunebook.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tensors.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * A model's own tokenizer: the Hugging Face tokenizers library with the {@code tokenizer.json} of a folder, or with one
 * made of a GGUF file's metadata. Ids are those of Transformers' {@code PreTrainedTokenizerFast}. Safe for several
 * threads; close it when no thread uses it any more.
 *
 * <p>Text with unpaired surrogates is no Unicode text: each becomes U+FFFD before it is tokenized.
 */
public final class Tokenizer implements AutoCloseable {
    /** Texts go to the native library in parcels of about so many characters, to bound what it holds at a time. */
    private static final int PARCEL = 1 << 22;

    /** After so many characters the tables of {@link ByteLevelBpe} are worth their time and memory. */
    private static final int MANY = 1 << 17;

    private final Vocabulary vocabulary;
    private final Map<String, Integer> ids = new HashMap<>();
    private final HuggingFaceTokenizer library;
    private final AddedTokens added;
    private final String checksum;
    private volatile Optional<ByteLevelBpe> fast;
    private long seen;

    private Tokenizer(Vocabulary vocabulary) throws IOException {
        this.vocabulary = vocabulary;
        for (int id = 0; id < vocabulary.tokens().length; id++) {
            if (vocabulary.tokens()[id] != null) {
                ids.put(vocabulary.tokens()[id], id);
            }
        }
        this.checksum = vocabulary.checksum();
        NativeTokenizer loaded = NativeTokenizer.load(vocabulary);
        this.library = loaded.library();
        this.added = AddedTokens.of(loaded, this::token);
    }

    /**
     * Loads the tokenizer of a model.
     *
     * @param path a folder with {@code tokenizer.json} (and beside it {@code tokenizer_config.json},
     *     {@code special_tokens_map.json}, {@code chat_template.jinja}), such a file itself, or a GGUF file
     * @throws io.tunebook.tensors.ModelFormatException if the file is of another kind or holds what it must not; the
     *     message names the place
     * @throws IOException if it cannot be read
     */
    public static Tokenizer load(Path path) throws IOException {
        return new Tokenizer(Vocabulary.read(path));
    }

    /**
     * Reads the tokenizer of an open GGUF file.
     *
     * @throws io.tunebook.tensors.ModelFormatException if it has none, or one of a kind that is not known here
     */
    public static Tokenizer of(GgufFile gguf) throws IOException {
        return new Tokenizer(GgufVocabulary.read(gguf));
    }

    /**
     * Loads the tokenizer of a model in Ollama's store.
     *
     * @throws IOException if its GGUF cannot be read or has no tokenizer that is known here
     */
    public static Tokenizer load(StoredModel model) throws IOException {
        return load(model.gguf());
    }

    /**
     * Loads the tokenizer of a model by its name in Ollama's store, such as {@code qwen2.5:0.5b}, or by its path.
     *
     * @throws IOException if there is no such file, and Ollama has no store here or no such model in it
     */
    public static Tokenizer load(String nameOrPath) throws IOException {
        try {
            Path path = Path.of(nameOrPath);
            if (Files.exists(path)) {
                return load(path);
            }
        } catch (InvalidPathException e) {
            // Ollama's names have colons, which Windows takes for drives.
        }
        return load(ModelStore.open().model(nameOrPath));
    }

    /** A text's ids, tokens and places, with the special tokens that the model's tokenizer adds. */
    public Encoding encode(String text) {
        return encode(text, true);
    }

    /**
     * A text's ids, tokens and places.
     *
     * @param special whether to add the special tokens that the model's tokenizer adds, such as a beginning of
     *     sequence. Special tokens that the text spells out are found either way.
     */
    public Encoding encode(String text, boolean special) {
        String clean = NativeTokenizer.wellFormed(text);
        NativeTokenizer.requireShortRuns(clean, vocabulary);
        return added.around(NativeTokenizer.convert(library.encode(clean, false, false), clean), special);
    }

    /**
     * Several texts at once, in parallel.
     *
     * @throws IllegalArgumentException if padding is wanted and the model has neither a padding nor an
     *     end-of-sequence token, or if truncation leaves no room beside the special tokens or the stride
     */
    public Encoding.Batch encode(List<String> texts, Encoding.Options options) {
        List<Encoding> found = new ArrayList<>();
        List<Integer> sources = new ArrayList<>();
        String[] clean = texts.stream().map(NativeTokenizer::wellFormed).toArray(String[]::new);
        for (String text : clean) {
            NativeTokenizer.requireShortRuns(text, vocabulary);
        }
        var all = library.batchEncode(clean, false, false);
        for (int i = 0; i < all.length; i++) {
            for (Encoding piece : added.windows(NativeTokenizer.convert(all[i], clean[i]), options)) {
                found.add(added.around(piece, options.special()));
                sources.add(i);
            }
        }
        if (options.padding() != null) {
            int pad = padId().orElseGet(() -> eosId().orElseThrow(() -> new IllegalArgumentException(
                    vocabulary.source() + " names neither a padding nor an end-of-sequence token to pad with")));
            found = Encoding.padded(found, options, pad, token(pad));
        }
        return new Encoding.Batch(
                List.copyOf(found), sources.stream().mapToInt(Integer::intValue).toArray());
    }

    /** A text's ids alone, faster than {@link #encode(String, boolean)}. */
    public int[] ids(String text, boolean special) {
        String clean = NativeTokenizer.wellFormed(text);
        return fast(text.length())
                .map(f -> f.ids(clean))
                .map(found -> added.around(found, special))
                .orElseGet(() -> {
                    NativeTokenizer.requireShortRuns(clean, vocabulary);
                    return take(TokenizersLibrary.LIB.encode(handle(), clean, false), special);
                });
    }

    /** The ids of several texts, in parallel; with most tokenizers some ten times as fast as with their places. */
    public int[][] ids(List<String> texts, boolean special) {
        String[] clean = texts.toArray(String[]::new);
        int[][] all = new int[clean.length][];
        Optional<ByteLevelBpe> quick =
                fast(Arrays.stream(clean).mapToLong(String::length).sum());
        IntStream.range(0, clean.length).parallel().forEach(i -> {
            clean[i] = NativeTokenizer.wellFormed(clean[i]);
            all[i] = quick.map(f -> f.ids(clean[i]))
                    .map(found -> added.around(found, special))
                    .orElse(null);
        });
        int[] rest =
                IntStream.range(0, clean.length).filter(i -> all[i] == null).toArray();
        for (int from = 0; from < rest.length; ) {
            int to = from;
            for (int size = 0; to < rest.length && size < PARCEL; to++) {
                size += clean[rest[to]].length();
                NativeTokenizer.requireShortRuns(clean[rest[to]], vocabulary);
            }
            String[] parcel =
                    Arrays.stream(rest, from, to).mapToObj(i -> clean[i]).toArray(String[]::new);
            for (long encoding : TokenizersLibrary.LIB.batchEncode(handle(), parcel, false)) {
                all[rest[from++]] = take(encoding, special);
            }
        }
        return all;
    }

    /** The fast way, if there is one: made when much text has come, and used for all after that. */
    private Optional<ByteLevelBpe> fast(long characters) {
        if (fast == null) {
            synchronized (this) {
                seen += characters;
                if (fast == null && seen >= MANY) {
                    fast = ByteLevelBpe.of(vocabulary.json());
                }
            }
        }
        return fast == null ? Optional.empty() : fast;
    }

    /** The text of ids, special tokens left out; bytes that are no UTF-8 become U+FFFD. */
    public String decode(int... ids) {
        return decode(ids, true);
    }

    /**
     * The text of ids.
     *
     * @throws IllegalArgumentException if an id is negative
     */
    public String decode(int[] ids, boolean skipSpecial) {
        for (int id : ids) {
            if (id < 0) {
                throw new IllegalArgumentException("expected ids of at least 0, found " + id);
            }
        }
        return library.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecial);
    }

    /** A decoder for tokens that come one by one, special tokens left out. */
    public StreamingDecoder stream() {
        return stream(true);
    }

    /** A decoder for tokens that come one by one. */
    public StreamingDecoder stream(boolean skipSpecial) {
        return new StreamingDecoder(this, skipSpecial);
    }

    /** Whether the model's files hold a chat template. */
    public boolean hasChatTemplate() {
        return !vocabulary.templates().isEmpty();
    }

    /**
     * The model's chat template. Where its files hold several, that is the one named {@code default}, and
     * {@code tool_use} for conversations with tools, as in Transformers.
     *
     * @throws IllegalStateException if its files hold none, or several of which none is named {@code default}
     */
    public ChatTemplate chatTemplate() {
        if (!hasChatTemplate()) {
            throw new IllegalStateException(vocabulary.source()
                    + " holds no chat template: this is a base model. Take its instruction-tuned variant, or make one:"
                    + " new ChatTemplate(tokenizer, jinja)");
        }
        Map<String, String> templates = vocabulary.templates();
        if (templates.size() > 1 && !templates.containsKey("default")) {
            throw new IllegalStateException(vocabulary.source() + " holds several chat templates, "
                    + templates.keySet() + ", and none is named default. Give the text of one:"
                    + " new ChatTemplate(tokenizer, jinja)");
        }
        String chosen =
                templates.getOrDefault("default", templates.values().iterator().next());
        return new ChatTemplate(this, chosen, templates.get("tool_use"));
    }

    /** One more than the largest id. */
    public int vocabularySize() {
        return vocabulary.tokens().length;
    }

    /** The id of a token as the vocabulary writes it. */
    public OptionalInt id(String token) {
        Integer id = ids.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /**
     * A token as the vocabulary writes it; its text is {@link #decode(int...)}'s to say.
     *
     * @throws IllegalArgumentException if no token has the id
     */
    public String token(int id) {
        if (id < 0 || id >= vocabularySize() || vocabulary.tokens()[id] == null) {
            throw new IllegalArgumentException(
                    "expected an id of " + vocabulary.source() + ", below " + vocabularySize() + ", found " + id);
        }
        return vocabulary.tokens()[id];
    }

    /** Whether an id is a special token's, one that {@link #decode(int...)} leaves out. */
    public boolean isSpecial(int id) {
        return vocabulary.special().get(id);
    }

    /** The beginning-of-sequence token. */
    public OptionalInt bosId() {
        return role("bos_token");
    }

    /** The end-of-sequence token. */
    public OptionalInt eosId() {
        return role("eos_token");
    }

    /** The padding token. */
    public OptionalInt padId() {
        return role("pad_token");
    }

    /** The token for what the vocabulary does not have. */
    public OptionalInt unkId() {
        return role("unk_token");
    }

    /** The id of a special token by its role in {@code tokenizer_config.json}, such as {@code bos_token}. */
    OptionalInt role(String name) {
        String token = vocabulary.named().get(name);
        return token == null ? OptionalInt.empty() : id(token);
    }

    /** Special tokens by their roles, for templates; some may be none of the vocabulary. */
    Map<String, String> named() {
        return vocabulary.named();
    }

    /** The ids at which generation ends: the end of sequence, and the ends of a turn that the vocabulary has. */
    public int[] endOfTurnIds() {
        IntStream named = Vocabulary.ENDS.stream()
                .flatMapToInt(token -> id(token).stream())
                .filter(this::isSpecial);
        IntStream roles = IntStream.concat(
                eosId().stream(), IntStream.concat(role("eot_token").stream(), role("eom_token").stream()));
        return IntStream.concat(roles, named).distinct().sorted().toArray();
    }

    /** SHA-256 of the vocabulary, every id with its token, in hexadecimal: the same for the same ids in any format. */
    public String checksum() {
        return checksum;
    }

    /** Whether both make the same ids of every text, the same text of every chat, and end texts alike. */
    public boolean isLike(Tokenizer other) {
        return checksum.equals(other.checksum)
                && eosId().equals(other.eosId())
                && (!hasChatTemplate() || vocabulary.templates().equals(other.vocabulary.templates()));
    }

    /** The file this was read from. */
    public Path source() {
        return vocabulary.source();
    }

    /**
     * Refuses a model that is of another vocabulary: one whose embedding has so many more rows than there are ids here
     * that they are not for speed, or that takes an ordinary token for a special one. A model may have fewer rows than
     * ids, where tokens were added that it never learned: it refuses a text that has one of them.
     *
     * @param model what to call the model in the message
     * @param rows the rows of the model's embedding
     * @param special the ids that the model's configuration gives a meaning, such as its beginning and end of sequence.
     *     They need not be the tokenizer's own: a chat model may end its turns otherwise than its base ended texts.
     * @throws IllegalArgumentException if they do not fit; the message says what does not and what would
     */
    public void requireFits(String model, int rows, int... special) {
        vocabulary.requireFits(model, rows, special);
    }

    /**
     * Refuses what was made with another vocabulary, such as a cached data set.
     *
     * @param what what was made, for the message
     * @param expected the {@link #checksum()} it was made with
     * @throws IllegalArgumentException if it is not this one's
     */
    public void requireChecksum(String what, String expected) {
        if (!expected.equals(checksum)) {
            throw new IllegalArgumentException(what + " was made with another vocabulary: expected checksum " + expected
                    + ", found " + checksum + " at " + vocabulary.source()
                    + ". Make it again, or load the tokenizer it was made with");
        }
    }

    @Override
    public void close() {
        library.close();
    }

    @Override
    public String toString() {
        return "Tokenizer[" + vocabularySize() + " ids, " + vocabulary.source() + "]";
    }

    /** The ids of a native encoding, which is freed. */
    private int[] take(long encoding, boolean special) {
        try {
            return added.around(NativeTokenizer.toInts(TokenizersLibrary.LIB.getTokenIds(encoding)), special);
        } finally {
            TokenizersLibrary.LIB.deleteEncoding(encoding);
        }
    }

    private long handle() {
        return library.getHandle();
    }
}
