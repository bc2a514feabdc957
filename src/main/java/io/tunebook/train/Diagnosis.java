package io.tunebook.train;

import ai.djl.engine.EngineException;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Why a run cannot go on, and what to change. It knows what was set and what happened, and changes nothing. */
record Diagnosis(CausalLM model, TrainingArguments arguments) {
    private static final int WORDS = 40;

    /** No token of a step counts. */
    TrainingException nothingCounts(int step, String place) {
        return new TrainingException("step " + step + ", " + place
                + ": expected tokens that count for the loss, found none; are the answers cut off by maxLength("
                + arguments.maxLength() + ")?");
    }

    /**
     * A loss or norm that is no number.
     *
     * @param what it was, in words
     * @param before the steps before it
     */
    TrainingException notFinite(
            int step, String place, String what, List<TokenBatch> batches, List<TrainingReport.Step> before) {
        int[] ids = batches.get(0).ids();
        String text = model.tokenizer().decode(Arrays.copyOf(ids, Math.min(WORDS, ids.length)));
        return new TrainingException("Step " + step + ", " + place + ": " + what + ". " + cause(before)
                + " The batch begins: " + text.replace("\n", "⏎"));
    }

    private String cause(List<TrainingReport.Step> before) {
        if (before.isEmpty()) {
            return "It was so before anything was learned: the weights hold values that are not finite, or the model's type is too narrow"
                    + " for them. Check the file, or load the model in float32.";
        }
        double last = before.get(before.size() - 1).loss();
        double lowest =
                before.stream().mapToDouble(TrainingReport.Step::loss).min().orElse(last);
        return last > 2 * lowest + 1
                ? String.format(
                        Locale.ROOT,
                        "The loss had risen from %.3f to %.3f: the learning rate %.2g is too high. Try a tenth of it, a longer warm-up, or"
                                + " maxGradientNorm(1).",
                        lowest,
                        last,
                        arguments.learningRate())
                : String.format(
                        Locale.ROOT,
                        "The loss was %.3f the step before, so a single update did it: try a learning rate below %.2g, maxGradientNorm(1), or"
                                + " look at this batch.",
                        last,
                        arguments.learningRate());
    }

    /** What PyTorch said, if it said that memory does not suffice; empty if it said something else. */
    Optional<TrainingException> outOfMemory(EngineException e, int step) {
        String words = String.valueOf(e.getMessage());
        if (!words.contains("out of memory") && !words.contains("can't allocate memory")) {
            return Optional.empty();
        }
        return Optional.of(new TrainingException(
                String.format(
                        Locale.ROOT,
                        "Out of memory on %s in step %d; %,d MB are free now. %s (%s)",
                        model.device(),
                        step,
                        MemoryEstimate.free(model.device()) / 1_000_000,
                        MemoryEstimate.advice(arguments, arguments.maxLength()),
                        words.lines().findFirst().orElse("")),
                e));
    }
}
