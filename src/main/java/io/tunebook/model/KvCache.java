package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.model.family.ModelConfig;
import java.util.Arrays;
import java.util.List;

/** Keys and values of a text that PyTorch continues. Closing it frees them. */
final class KvCache implements Continuation {
    private final NDManager scope;
    private final DecoderScript script;
    private final List<NDArray> keys;
    private final List<NDArray> values;
    private final int[] known;
    private final int longer;
    private int length;

    /**
     * An empty one.
     *
     * @param scope owns it, and is closed with it
     * @param longest how many tokens fit
     * @param longer texts of more tokens rotate their positions otherwise, see {@link ModelConfig#longer}; 0: none do
     */
    KvCache(NDManager scope, DecoderScript script, int longest, int longer) {
        this.scope = scope;
        this.script = script;
        this.longer = longer;
        known = new int[longest];
        List<NDArray> both = script.cache(scope, longest);
        keys = both.subList(0, both.size() / 2);
        values = both.subList(both.size() / 2, both.size());
    }

    int length() {
        return length;
    }

    @Override
    public float[] next(int... ids) {
        int end = length + ids.length;
        if (end > known.length) {
            throw new IllegalArgumentException("expected at most " + known.length + " tokens, found " + end);
        }
        System.arraycopy(ids, 0, known, length, ids.length);
        boolean anew = longer > 0 && length <= longer && end > longer; // the keys there are were rotated otherwise
        int from = anew ? 0 : length;
        float[] logits = script.next(Arrays.copyOfRange(known, from, end), from, keys, values);
        length = end;
        return logits;
    }

    @Override
    public void close() {
        scope.close();
    }
}
