package io.tunebook.train;

import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * How to train. Every field has a default that suits a LoRA adapter of rank 8 to 32 on a chat data set of a hundred to some thousand examples;
 * {@link #defaults()} and then what is to be different: {@code TrainingArguments.defaults().epochs(2).learningRate(1e-4)}.
 *
 * @param epochs passes over the data, fractions allowed; default 3, since small chat sets need more than one and soon overfit
 * @param maxSteps optimiser steps; default 0, which means that epochs decide; if set, it ends the run, over as many epochs as that takes
 * @param batchSize sequences a forward pass; default 4, what fits small machines; on a GPU as many as fit
 * @param gradientAccumulation forward passes a step; default 1; raise it for larger batches than memory holds, the gradients are the same
 * @param devices GPUs that share a step's work; default 1; each takes gradientAccumulation forward passes of a step, so that two devices give the steps of twice the
 *     accumulation in half the time
 * @param learningRate peak rate of AdamW, a factor without unit; default 2e-4, LoRA's usual one, ten times that of full fine-tuning
 * @param schedule how the rate runs after the warm-up; default linear, Transformers' own
 * @param warmup share of all steps in which the rate rises from 0; default 0.03, while AdamW's moments are still noise
 * @param weightDecay decoupled decay (Loshchilov and Hutter, 2019), a share of the rate each step; default 0, as low rank regularises already
 * @param beta1 AdamW's decay of the gradient's mean, per step; default 0.9, from Kingma and Ba, 2015
 * @param beta2 AdamW's decay of its square's mean, per step; default 0.999, likewise
 * @param epsilon added to AdamW's denominator, in units of the gradient; default 1e-8, likewise
 * @param maxGradientNorm the gradient's Euclidean norm over all factors is scaled down to this; default 1, 0 for no clipping
 * @param maxLength tokens a sequence, longer ones are cut; default 512, as memory grows with it
 * @param packing whether several examples share a row, each attending only to itself; default false; saves the padding of uneven lengths
 * @param assistantOnly whether only the assistant's tokens count for the loss; default true: the model shall answer, not ask
 * @param gradientCheckpointing whether layers are computed again in the backward pass instead of kept; default false; a third slower, but
 *     memory for one layer in place of all
 * @param evaluateEvery steps between measurements of the held-out loss; default 0, which means 10 times in the run; also before the first step
 *     and after the last
 * @param saveEvery steps between checkpoints; default 0, which means only at the end, if there is a folder
 * @param checkpoints folder of the checkpoints, the last two are kept; default null, which means none
 * @param sampleEvery steps between sample answers; default 0, which means none
 * @param samplePrompt what the samples answer; default "Who are you?"
 * @param patience measurements of the held-out loss without a new best one after which training stops; default 0, which means never
 * @param seed of the order of the data, the factors' start and dropout; default 42; the same seed gives the same run on the CPU
 */
public record TrainingArguments(
        double epochs,
        int maxSteps,
        int batchSize,
        int gradientAccumulation,
        int devices,
        double learningRate,
        Schedule schedule,
        double warmup,
        double weightDecay,
        double beta1,
        double beta2,
        double epsilon,
        double maxGradientNorm,
        int maxLength,
        boolean packing,
        boolean assistantOnly,
        boolean gradientCheckpointing,
        int evaluateEvery,
        int saveEvery,
        Path checkpoints,
        int sampleEvery,
        String samplePrompt,
        int patience,
        long seed) {

    /** @throws IllegalArgumentException if a value is out of its range; the message names the field, the range and the value */
    public TrainingArguments {
        require(epochs > 0 && Double.isFinite(epochs), "epochs", "a positive number", epochs);
        require(maxSteps >= 0, "maxSteps", "0 or a positive number", maxSteps);
        require(batchSize > 0, "batchSize", "at least 1", batchSize);
        require(gradientAccumulation > 0, "gradientAccumulation", "at least 1", gradientAccumulation);
        require(devices > 0, "devices", "at least 1", devices);
        require(learningRate > 0 && Double.isFinite(learningRate), "learningRate", "a positive number", learningRate);
        require(warmup >= 0 && warmup <= 1, "warmup", "a share from 0 to 1", warmup);
        require(weightDecay >= 0, "weightDecay", "0 or a positive number", weightDecay);
        require(beta1 >= 0 && beta1 < 1, "beta1", "from 0 to less than 1", beta1);
        require(beta2 >= 0 && beta2 < 1, "beta2", "from 0 to less than 1", beta2);
        require(epsilon > 0, "epsilon", "a positive number", epsilon);
        require(maxGradientNorm >= 0, "maxGradientNorm", "0 or a positive number", maxGradientNorm);
        require(maxLength > 1, "maxLength", "at least 2 tokens", maxLength);
        require(evaluateEvery >= 0, "evaluateEvery", "0 or a positive number", evaluateEvery);
        require(saveEvery >= 0, "saveEvery", "0 or a positive number", saveEvery);
        require(saveEvery == 0 || checkpoints != null, "saveEvery", "a folder in checkpoints as well", saveEvery);
        require(sampleEvery >= 0, "sampleEvery", "0 or a positive number", sampleEvery);
        require(patience >= 0, "patience", "0 or a positive number", patience);
    }

    private static void require(boolean holds, String field, String expected, Object found) {
        if (!holds) {
            throw new IllegalArgumentException(field + ": expected " + expected + ", found " + found);
        }
    }

    public static TrainingArguments defaults() {
        return new Draft().record();
    }

    /** Passes over the data. */
    public TrainingArguments epochs(double value) {
        return change(d -> d.epochs = value);
    }

    /** Optimiser steps, which then end the run instead of epochs. */
    public TrainingArguments maxSteps(int value) {
        return change(d -> d.maxSteps = value);
    }

    /** Sequences a forward pass. */
    public TrainingArguments batchSize(int value) {
        return change(d -> d.batchSize = value);
    }

    /** Forward passes a step. */
    public TrainingArguments gradientAccumulation(int value) {
        return change(d -> d.gradientAccumulation = value);
    }

    /** GPUs that share a step's work. */
    public TrainingArguments devices(int value) {
        return change(d -> d.devices = value);
    }

    /** Forward passes of all devices together that make a step. */
    int microBatches() {
        return Math.multiplyExact(gradientAccumulation, devices);
    }

    /** Peak learning rate. */
    public TrainingArguments learningRate(double value) {
        return change(d -> d.learningRate = value);
    }

    /** Shape of the learning rate over the steps. */
    public TrainingArguments schedule(Schedule value) {
        return change(d -> d.schedule = value);
    }

    /** Share of all steps in which the rate rises. */
    public TrainingArguments warmup(double value) {
        return change(d -> d.warmup = value);
    }

    /** Decoupled weight decay. */
    public TrainingArguments weightDecay(double value) {
        return change(d -> d.weightDecay = value);
    }

    /** AdamW's two decays. */
    public TrainingArguments betas(double first, double second) {
        return change(d -> {
            d.beta1 = first;
            d.beta2 = second;
        });
    }

    /** AdamW's epsilon. */
    public TrainingArguments epsilon(double value) {
        return change(d -> d.epsilon = value);
    }

    /** Clipping by the norm over all factors; 0 for none. */
    public TrainingArguments maxGradientNorm(double value) {
        return change(d -> d.maxGradientNorm = value);
    }

    /** Tokens a sequence. */
    public TrainingArguments maxLength(int value) {
        return change(d -> d.maxLength = value);
    }

    /** Several examples in one row, or one. */
    public TrainingArguments packing(boolean value) {
        return change(d -> d.packing = value);
    }

    /** Loss on the assistant's tokens only, or on all. */
    public TrainingArguments assistantOnly(boolean value) {
        return change(d -> d.assistantOnly = value);
    }

    /** Compute layers again in the backward pass instead of keeping them. */
    public TrainingArguments gradientCheckpointing(boolean value) {
        return change(d -> d.gradientCheckpointing = value);
    }

    /** Steps between measurements of the held-out loss. */
    public TrainingArguments evaluateEvery(int steps) {
        return change(d -> d.evaluateEvery = steps);
    }

    /** Checkpoints into this folder after every so many steps and at the end. */
    public TrainingArguments checkpoints(Path folder, int every) {
        return change(d -> {
            d.checkpoints = folder;
            d.saveEvery = every;
        });
    }

    /** A sample answer to this question after every so many steps. */
    public TrainingArguments sample(String prompt, int every) {
        return change(d -> {
            d.samplePrompt = prompt;
            d.sampleEvery = every;
        });
    }

    /** Early stopping: so many measurements without a new best held-out loss. */
    public TrainingArguments patience(int measurements) {
        return change(d -> d.patience = measurements);
    }

    /** Seed of everything random. */
    public TrainingArguments seed(long value) {
        return change(d -> d.seed = value);
    }

    private TrainingArguments change(Consumer<Draft> edit) {
        Draft draft = new Draft(this);
        edit.accept(draft);
        return draft.record();
    }

    /** The defaults, and the fields while one of them changes. */
    private static final class Draft {
        double epochs = 3;
        int maxSteps;
        int batchSize = 4;
        int gradientAccumulation = 1;
        int devices = 1;
        double learningRate = 2e-4;
        Schedule schedule = Schedule.LINEAR;
        double warmup = 0.03;
        double weightDecay;
        double beta1 = 0.9;
        double beta2 = 0.999;
        double epsilon = 1e-8;
        double maxGradientNorm = 1;
        int maxLength = 512;
        boolean packing;
        boolean assistantOnly = true;
        boolean gradientCheckpointing;
        int evaluateEvery;
        int saveEvery;
        Path checkpoints;
        int sampleEvery;
        String samplePrompt = "Who are you?";
        int patience;
        long seed = 42;

        Draft() {}

        Draft(TrainingArguments from) {
            epochs = from.epochs;
            maxSteps = from.maxSteps;
            batchSize = from.batchSize;
            gradientAccumulation = from.gradientAccumulation;
            devices = from.devices;
            learningRate = from.learningRate;
            schedule = from.schedule;
            warmup = from.warmup;
            weightDecay = from.weightDecay;
            beta1 = from.beta1;
            beta2 = from.beta2;
            epsilon = from.epsilon;
            maxGradientNorm = from.maxGradientNorm;
            maxLength = from.maxLength;
            packing = from.packing;
            assistantOnly = from.assistantOnly;
            gradientCheckpointing = from.gradientCheckpointing;
            evaluateEvery = from.evaluateEvery;
            saveEvery = from.saveEvery;
            checkpoints = from.checkpoints;
            sampleEvery = from.sampleEvery;
            samplePrompt = from.samplePrompt;
            patience = from.patience;
            seed = from.seed;
        }

        TrainingArguments record() {
            return new TrainingArguments(
                    epochs,
                    maxSteps,
                    batchSize,
                    gradientAccumulation,
                    devices,
                    learningRate,
                    schedule,
                    warmup,
                    weightDecay,
                    beta1,
                    beta2,
                    epsilon,
                    maxGradientNorm,
                    maxLength,
                    packing,
                    assistantOnly,
                    gradientCheckpointing,
                    evaluateEvery,
                    saveEvery,
                    checkpoints,
                    sampleEvery,
                    samplePrompt,
                    patience,
                    seed);
        }
    }
}
