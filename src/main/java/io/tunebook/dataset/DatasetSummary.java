package io.tunebook.dataset;

import io.tunebook.model.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A data set in figures.
 *
 * @param examples the number of examples
 * @param tokens their tokens
 * @param labelled the tokens whose prediction counts in the loss
 * @param longest the tokens of the longest example
 * @param median the tokens of an example in the middle
 * @param answers the answers to learn; 0 for texts, and for conversations that were read from a file of tokens
 * @param thoughts how many of the answers have a thought before them
 * @param thoughtsLost how many of these thoughts the chat template left out
 * @param notes what was cut or left out on the way here, in words
 */
public record DatasetSummary(
        int examples,
        long tokens,
        long labelled,
        int longest,
        int median,
        int answers,
        int thoughts,
        int thoughtsLost,
        List<String> notes) {

    static DatasetSummary of(int[] lengths, long labelled, ChatTokens.Answers answers, List<String> notes) {
        int[] sorted = lengths.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return new DatasetSummary(
                n,
                Arrays.stream(sorted).asLongStream().sum(),
                labelled,
                n == 0 ? 0 : sorted[n - 1],
                n == 0 ? 0 : sorted[n / 2],
                answers.all(),
                answers.thoughts(),
                answers.lost(),
                notes);
    }

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
        if (thoughts > 0) {
            figures += String.format(
                    Locale.ROOT, "%n%,d of %,d answers have a thought, %,d lost it", thoughts, answers, thoughtsLost);
        }
        return notes.isEmpty() ? figures : figures + "\n" + String.join("\n", notes);
    }

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
            String note = cut + " examples cut to " + most + " tokens, which cuts " + shortened + " answers short; "
                    + out + " examples left out because no answer begins before that; " + lost + " answers lost in all";
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
}
