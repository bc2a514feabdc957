package io.tunebook.dataset;

import io.tunebook.model.TokenBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What it costs to cut every example of a data set to a number of tokens, from its end.
 *
 * @param kept the examples in which something to learn is left
 * @param note what is lost, in words; empty if nothing is
 */
record Truncation(List<Integer> kept, Optional<String> note) {
    static Truncation of(Dataset dataset, int most) {
        int cut = 0;
        int shortened = 0;
        int lost = 0;
        List<Integer> kept = new ArrayList<>();
        for (int i = 0; i < dataset.size(); i++) {
            if (dataset.length(i) <= most) {
                kept.add(i);
                continue;
            }
            int[] labels = dataset.labels(i);
            int before = answers(labels, labels.length);
            int after = answers(labels, most);
            lost += before - after;
            if (after > 0) {
                cut++;
                shortened += labels[most - 1] != TokenBatch.IGNORED && labels[most] != TokenBatch.IGNORED ? 1 : 0;
                kept.add(i);
            }
        }
        int out = dataset.size() - kept.size();
        String note = cut + " examples cut to " + most + " tokens, which cuts " + shortened + " answers short; " + out
                + " examples left out because no answer begins before that; " + lost + " answers lost in all";
        return new Truncation(kept, cut > 0 || out > 0 ? Optional.of(note) : Optional.empty());
    }

    /** Runs of labels that begin before a token: what a conversation's assistant says in one go. */
    private static int answers(int[] labels, int end) {
        int answers = 0;
        for (int t = 0; t < end; t++) {
            answers += labels[t] != TokenBatch.IGNORED && (t == 0 || labels[t - 1] == TokenBatch.IGNORED) ? 1 : 0;
        }
        return answers;
    }
}
