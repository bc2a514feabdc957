package io.tunebook.dataset;

import io.tunebook.dataset.TokenFile.TokenHeader;
import io.tunebook.dataset.TokenFileWriter.TokenFileLock;
import io.tunebook.files.Sha256;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;

/** Texts as tokens, each with an end of sequence, in memory or in a file that a later run goes on with. */
final class TextTokens {
    /** Words, digits, contractions, marks, scripts and white space of several kinds. */
    private static final String PROBE = "It's  A naïve e\u0301 1234567 café\n\n  x=\t'LL 中文 हिन्दी العربية 🙂!!\r\n ";

    /** So many characters go to the tokenizer at a time. */
    private static final int PARCEL = 1 << 22;

    private TextTokens() {}

    /** A digest of all texts so far, in their order: what tells the texts of a former run from others. */
    private static final class Chain implements Iterator<String> {
        private final Iterator<String> texts;
        private final MessageDigest digest = Sha256.digest();
        private final Deque<Long> values = new ArrayDeque<>();
        private long value;

        Chain(Iterable<String> texts) {
            this.texts = texts.iterator();
        }

        @Override
        public boolean hasNext() {
            return texts.hasNext();
        }

        @Override
        public String next() {
            String text = texts.next();
            digest.update(ByteBuffer.allocate(Long.BYTES).putLong(value).flip());
            value = ByteBuffer.wrap(digest.digest(text.getBytes(StandardCharsets.UTF_8)))
                    .getLong();
            values.add(value);
            return text;
        }
    }

    /**
     * Makes the file of texts, goes on with it, or opens it where it is there already.
     *
     * @param given what tells these texts from others
     * @param compared whether the texts are read through and compared where there is a file of this identity
     */
    static TokenFile create(Iterable<String> texts, Tokenizer tokenizer, String given, boolean compared, Path file)
            throws IOException {
        String identity = given + ways(tokenizer);
        if (isThere(texts, tokenizer, identity, compared, file)) {
            return TokenFile.open(file);
        }
        try (TokenFileLock lock = TokenFileLock.take(file)) {
            // Whoever held the lock may just have made it.
            if (!isThere(texts, tokenizer, identity, compared, file)) {
                write(texts, tokenizer, identity, file);
            }
        }
        return TokenFile.open(file);
    }

    /**
     * What a tokenizer does with its vocabulary, which the checksum of that does not tell: the tokens it adds, how it
     * cuts, and whether it normalises are seen by what it makes of a text.
     */
    private static String ways(Tokenizer tokenizer) {
        return "\0" + Arrays.toString(tokenizer.ids(PROBE, true)) + tokenizer.eosId();
    }

    private static boolean isThere(
            Iterable<String> texts, Tokenizer tokenizer, String identity, boolean compared, Path file)
            throws IOException {
        TokenHeader found = TokenHeader.read(file);
        if (found == null || !found.isOf(tokenizer.checksum(), identity)) {
            return false;
        }
        if (!compared) {
            return true;
        }
        Chain chain = new Chain(texts);
        while (chain.hasNext()) {
            chain.next();
            chain.values.clear();
        }
        return chain.value == found.texts();
    }

    private static void write(Iterable<String> texts, Tokenizer tokenizer, String identity, Path file)
            throws IOException {
        try (TokenFileWriter writer = TokenFileWriter.resume(file, tokenizer.checksum(), identity)) {
            Chain chain = new Chain(texts);
            if (!isBeginning(chain, writer)) {
                writer.restart();
                chain = new Chain(texts);
            }
            Chain rest = chain;
            rest.values.clear();
            try {
                tokenize(rest, tokenizer, marked -> {
                    try {
                        writer.add(marked, rest.values.remove());
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
            } catch (UncheckedIOException e) {
                throw e.getCause();
            } finally {
                writer.checkpoint();
            }
            writer.finish();
        }
    }

    /** Whether what a former run wrote is of the first of these texts, which are then behind. */
    private static boolean isBeginning(Chain chain, TokenFileWriter writer) throws IOException {
        for (long i = 0; i < writer.examples(); i++) {
            if (!chain.hasNext()) {
                return false;
            }
            chain.next();
            if (i == writer.examples() - 1) {
                return chain.value == writer.lastText();
            }
            chain.values.clear();
        }
        return true;
    }

    /** Texts as examples, or as sequences of one length if that is not 0. */
    static void write(Iterator<String> texts, Tokenizer tokenizer, int sequence, TokenFileWriter writer)
            throws IOException {
        int[] open = new int[sequence];
        int[] filled = {0};
        try {
            tokenize(texts, tokenizer, ids -> {
                try {
                    if (sequence == 0) {
                        writer.add(ids, 0);
                        return;
                    }
                    for (int from = 0; from < ids.length; ) {
                        int count = Math.min(sequence - filled[0], ids.length - from);
                        System.arraycopy(ids, from, open, filled[0], count);
                        from += count;
                        filled[0] += count;
                        if (filled[0] == sequence) {
                            writer.add(open, 0);
                            filled[0] = 0;
                        }
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        if (filled[0] > 0) {
            writer.add(Arrays.copyOf(open, filled[0]), 0);
        }
    }

    /** Tokenizes texts in parcels, in parallel, each with an end of sequence. */
    static void tokenize(Iterator<String> texts, Tokenizer tokenizer, Consumer<int[]> into) {
        int eos = tokenizer
                .eosId()
                .orElseThrow(() ->
                        new IllegalArgumentException(tokenizer + " names no end-of-sequence token to end a text with"));
        List<String> parcel = new ArrayList<>();
        long characters = 0;
        while (texts.hasNext()) {
            String text = texts.next();
            parcel.add(text);
            characters += text.length();
            if (characters >= PARCEL || !texts.hasNext()) {
                for (int[] ids : tokenizer.ids(parcel, true)) {
                    boolean ended = ids.length > 0 && ids[ids.length - 1] == eos;
                    int[] whole = ended ? ids : Arrays.copyOf(ids, ids.length + 1);
                    whole[whole.length - 1] = eos;
                    into.accept(whole);
                }
                parcel.clear();
                characters = 0;
            }
        }
    }
}
