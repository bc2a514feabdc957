package io.tunebook.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The native tokenizers library with a vocabulary, and the ids of "a" with and without the special tokens around; with
 * what goes to the library and what comes from it: texts that it can read, and its arrays as {@link Encoding}.
 */
record NativeTokenizer(HuggingFaceTokenizer library, long[] plain, long[] full) {
    /** The largest vocabularies take two seconds; a file made to take for ever is given up after so many. */
    private static final int SECONDS = 120;

    /** A longer run of white space, or of anything else, is too much for the library's regular expressions. */
    private static final int LONGEST_RUN = 2_000_000;

    static {
        // Without this the native library's loader tries to download another build where it sees a GPU.
        if (System.getenv("RUST_FLAVOR") == null && System.getProperty("RUST_FLAVOR") == null) {
            System.setProperty("RUST_FLAVOR", "cpu");
        }
    }

    /** @throws IOException if the library does not take it, or does not come to an end */
    static NativeTokenizer load(Vocabulary vocabulary) throws IOException {
        return within(SECONDS, vocabulary.source(), () -> {
            HuggingFaceTokenizer library = HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(vocabulary.json()), Map.of("truncation", "false", "padding", "false"));
            return new NativeTokenizer(
                    library,
                    library.encode("a", false, false).getIds(),
                    library.encode("a", true, false).getIds());
        });
    }

    /** Loads in a thread of its own, which is left behind when the time is over: nothing stops the library. */
    static <T> T within(int seconds, Path source, Callable<T> load) throws IOException {
        FutureTask<T> loading = new FutureTask<>(load);
        Thread thread = new Thread(loading, "tokenizer loader");
        thread.setDaemon(true);
        thread.start();
        try {
            return loading.get(seconds, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IOException(
                    source + ": the tokenizers library does not take this tokenizer: "
                            + e.getCause().getMessage(),
                    e.getCause());
        } catch (TimeoutException e) {
            throw new IOException(
                    source + ": the tokenizers library did not load this tokenizer in " + seconds
                            + " seconds; it is damaged, or made to take for ever",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (InterruptedIOException)
                    new InterruptedIOException("interrupted while " + source + " was loaded").initCause(e);
        }
    }

    /**
     * The library's regular expressions end the process when they go back ten million times in one match, which
     * they do on a text without a change between white space and other characters for so long.
     *
     * @throws IllegalArgumentException if a text that has to go to the library has so long a run
     */
    static void requireShortRuns(String text, Vocabulary vocabulary) {
        if (text.length() <= LONGEST_RUN) {
            return;
        }
        int start = 0;
        for (int i = 1; i <= text.length(); i++) {
            if (i < text.length()
                    && Character.isWhitespace(text.charAt(i)) == Character.isWhitespace(text.charAt(i - 1))) {
                continue;
            }
            if (i - start > LONGEST_RUN && vocabulary.splits()) {
                throw new IllegalArgumentException("expected at most " + LONGEST_RUN
                        + " characters in a row that are all white space or all other," + " found " + (i - start)
                        + " from character " + start + " on; cut the text there");
            }
            start = i;
        }
    }

    /** From the library's arrays and code points to ours and UTF-16 units. */
    static Encoding convert(ai.djl.huggingface.tokenizers.Encoding found, String text) {
        int[] ids = toInts(found.getIds());
        int[] starts = new int[ids.length];
        int[] ends = new int[ids.length];
        CharSpan[] spans = found.getCharTokenSpans();
        int points = text.codePointCount(0, text.length());
        int[] units = points == text.length() ? null : units(text, points);
        for (int i = 0; i < ids.length; i++) {
            if (spans[i] != null) {
                starts[i] = units == null ? spans[i].getStart() : units[spans[i].getStart()];
                ends[i] = units == null ? spans[i].getEnd() : units[spans[i].getEnd()];
            }
        }
        int[] mask = new int[ids.length];
        Arrays.fill(mask, 1);
        return new Encoding(ids, mask, List.of(found.getTokens()), starts, ends, new boolean[ids.length]);
    }

    /** For each code point of a text, and its end, where it begins in UTF-16 units. */
    private static int[] units(String text, int points) {
        int[] units = new int[points + 1];
        for (int i = 0, at = 0; i < points; i++) {
            at += Character.charCount(text.codePointAt(at));
            units[i + 1] = at;
        }
        return units;
    }

    /** The text with U+FFFD for unpaired surrogates, which UTF-8 cannot write. */
    static String wellFormed(String text) {
        StringBuilder mended = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            mended = mended == null ? new StringBuilder(text) : mended;
            mended.setCharAt(i, '\uFFFD');
        }
        return mended == null ? text : mended.toString();
    }

    static int[] toInts(long[] values) {
        return Arrays.stream(values).mapToInt(Math::toIntExact).toArray();
    }
}
