package io.tunebook.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The tokenizers library with a vocabulary, and the ids of "a" with and without the special tokens around.
 */
record NativeTokenizer(HuggingFaceTokenizer library, long[] plain, long[] full) {
    /** The largest vocabularies take two seconds; a file made to take for ever is given up after so many. */
    private static final int SECONDS = 120;

    static {
        // Without this the native library's loader tries to download another build where it sees a GPU.
        if (System.getenv("RUST_FLAVOR") == null && System.getProperty("RUST_FLAVOR") == null) {
            System.setProperty("RUST_FLAVOR", "cpu");
        }
    }

    /** @throws IOException if the library does not take it, or does not come to an end */
    static NativeTokenizer load(Vocabulary vocabulary) throws IOException {
        FutureTask<NativeTokenizer> loading = new FutureTask<>(() -> {
            HuggingFaceTokenizer library = HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(vocabulary.json()), Map.of("truncation", "false", "padding", "false"));
            return new NativeTokenizer(
                    library,
                    library.encode("a", false, false).getIds(),
                    library.encode("a", true, false).getIds());
        });
        Thread thread = new Thread(loading, "tokenizer loader");
        thread.setDaemon(true);
        thread.start();
        try {
            return loading.get(SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IOException(
                    vocabulary.source() + ": the tokenizers library does not take this tokenizer: "
                            + e.getCause().getMessage(),
                    e.getCause());
        } catch (TimeoutException e) {
            throw new IOException(
                    vocabulary.source() + ": the tokenizers library did not load this tokenizer in " + SECONDS
                            + " seconds; it is damaged, or made to take for ever",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (InterruptedIOException)
                    new InterruptedIOException("interrupted while " + vocabulary.source() + " was loaded").initCause(e);
        }
    }
}
