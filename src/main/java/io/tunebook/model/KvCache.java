package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/** Keys and values of a text that is being continued. Closing it frees them. */
final class KvCache implements AutoCloseable {
    private final NDManager scope;
    private final DecoderScript script;
    private final List<NDArray> keys;
    private final List<NDArray> values;
    private final int longest;
    private int length;

    /**
     * An empty one.
     *
     * @param scope owns it, and is closed with it
     * @param longest how many tokens fit
     */
    KvCache(NDManager scope, DecoderScript script, int longest) {
        this.scope = scope;
        this.script = script;
        this.longest = longest;
        List<NDArray> both = script.cache(scope, longest);
        keys = both.subList(0, both.size() / 2);
        values = both.subList(both.size() / 2, both.size());
    }

    int length() {
        return length;
    }

    /** The logits behind these tokens, which follow those that came before. */
    float[] next(int... ids) {
        if (length + ids.length > longest) {
            throw new IllegalArgumentException(
                    "expected at most " + longest + " tokens, found " + (length + ids.length));
        }
        float[] logits = script.next(ids, length, keys, values);
        length += ids.length;
        return logits;
    }

    @Override
    public void close() {
        scope.close();
    }
}
