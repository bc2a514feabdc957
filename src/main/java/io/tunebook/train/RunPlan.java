package io.tunebook.train;

import io.tunebook.model.TokenBatch;
import java.util.List;
import java.util.function.IntFunction;

/**
 * How much there is to do in a run, and in which order.
 *
 * @param epochs the batches of each pass over the data, counted from 0
 */
record RunPlan(TrainingArguments arguments, IntFunction<List<TokenBatch>> epochs) {
    /** Where a run stands: so many batches of an epoch are done. */
    record Place(int epoch, int batch) {}

    /** The batches of a pass. */
    List<TokenBatch> epoch(int which) {
        return epochs.apply(which);
    }

    /** How many steps there are. An epoch's last step may have fewer micro-batches, as in Transformers. */
    int steps() {
        if (arguments.maxSteps() > 0) {
            return arguments.maxSteps();
        }
        int whole = (int) Math.floor(arguments.epochs());
        int steps = 0;
        for (int e = 0; e < whole; e++) {
            steps += stepsOf(e, 1);
        }
        return whole == arguments.epochs() ? steps : steps + stepsOf(whole, arguments.epochs() - whole);
    }

    private int stepsOf(int which, double share) {
        return (int) Math.ceil(Math.ceil((double) epoch(which).size() / arguments.microBatches()) * share);
    }

    /** Which batch follows so many steps. */
    Place after(int steps) {
        int epoch = 0;
        int left = steps;
        for (int all = stepsOf(epoch, 1); left > all; all = stepsOf(epoch, 1)) {
            left -= all;
            epoch++;
        }
        return new Place(
                epoch, Math.min(left * arguments.microBatches(), epoch(epoch).size()));
    }

    /** Tokens of the largest batch among the first. */
    long mostTokens() {
        return epoch(0).stream().limit(1000).mapToInt(TokenBatch::tokens).max().orElse(0);
    }
}
