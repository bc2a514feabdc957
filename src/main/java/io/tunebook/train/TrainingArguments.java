package io.tunebook.train;

import io.tunebook.hosts.Hosts;
import io.tunebook.train.TrainingArguments.Setting.Range;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.DoublePredicate;

/**
 * How to train. Every field has a default that suits a LoRA adapter of rank 8 to 32 on a chat data set of a hundred to
 * some thousand examples; {@link #defaults()} and then what is to be different:
 * {@code TrainingArguments.defaults().epochs(2).learningRate(1e-4)}.
 *
 * <p>An argument is a component here, with its default and range, and a method below that changes it; nothing else
 * lists them.
 *
 * @param epochs passes over the data, fractions allowed; default 3, since small chat sets need more than one and soon
 * overfit
 * @param maxSteps optimiser steps; default 0, which means that epochs decide; if set, it ends the run, over as many
 * epochs as that takes
 * @param batchSize sequences a forward pass; default 4, what fits small machines; on a GPU as many as fit
 * @param gradientAccumulation forward passes a step; default 1; raise it for larger batches than memory holds, the
 * gradients are the same
 * @param devices GPUs that share a step's work; default 1; each takes gradientAccumulation forward passes of a step, so
 *     that two devices give the steps of twice the accumulation in half the time
 * @param hosts machines that share a step's work, each with a process of its own that runs the same program; default
 *     null, which means this one alone; each takes devices times gradientAccumulation forward passes of a step, see
 *     {@link #hosts(Hosts)}
 * @param learningRate peak rate of AdamW, a factor without unit; default 2e-4, LoRA's usual one, ten times that of full
 * fine-tuning
 * @param schedule how the rate runs after the warm-up; default linear, Transformers' own
 * @param warmup share of all steps in which the rate rises from 0; default 0.03, while AdamW's moments are still noise
 * @param weightDecay decoupled decay (Loshchilov and Hutter, 2019), a share of the rate each step; default 0, as low
 * rank regularises already
 * @param beta1 AdamW's decay of the gradient's mean, per step; default 0.9, from Kingma and Ba, 2015
 * @param beta2 AdamW's decay of its square's mean, per step; default 0.999, likewise
 * @param epsilon added to AdamW's denominator, in units of the gradient; default 1e-8, likewise
 * @param maxGradientNorm the gradient's Euclidean norm over all factors is scaled down to this; default 1, 0 for no
 * clipping
 * @param maxLength tokens a sequence, longer ones are cut; default 512, as memory grows with it
 * @param packing whether several examples share a row, each attending only to itself; default false; padding is not
 * computed either way, but packed rows make steps of one size
 * @param assistantOnly whether only the assistant's tokens count for the loss; default true: the model shall answer,
 * not ask
 * @param gradientCheckpointing whether layers are computed again in the backward pass instead of kept; default false; a
 *     third slower, but memory for one layer in place of all
 * @param deterministic whether a run on a GPU gives the same bits each time, as one on a CPU does anyway; default
 *     false; the backward of attention then adds up in a fixed order, which takes more time and memory the longer the
 *     documents are. Where it cannot be had, the run goes on and a note says why
 * @param evaluateEvery steps between measurements of the held-out loss; default 0, which means 10 times in the run;
 *     also before the first step and after the last
 * @param saveEvery steps between checkpoints; default 0, which means only at the end, if there is a folder
 * @param checkpoints folder in which each run has a folder of its own for its checkpoints, the last two of which are
 *     kept; default null, which means none
 * @param sampleEvery steps between sample answers; default 0, which means none
 * @param samplePrompt what the samples answer; default "Who are you?"
 * @param patience measurements of the held-out loss without a new best one after which training stops; default 0, which
 * means never
 * @param seed of the order of the data, the factors' start and dropout; default 42; the same seed gives the same run on
 * the CPU, and with {@code deterministic} on a GPU
 */
public record TrainingArguments(
        @Setting(value = "3", range = Range.POSITIVE) double epochs,
        @Setting(value = "0", range = Range.NOT_NEGATIVE) int maxSteps,
        @Setting(value = "4", range = Range.AT_LEAST_1) int batchSize,
        @Setting(value = "1", range = Range.AT_LEAST_1) int gradientAccumulation,

        @Setting(value = "1", range = Range.AT_LEAST_1, decidesLosses = false)
        int devices,

        @Setting(value = "", decidesLosses = false) Hosts hosts,
        @Setting(value = "2e-4", range = Range.POSITIVE) double learningRate,
        @Setting("LINEAR") Schedule schedule,
        @Setting(value = "0.03", range = Range.SHARE) double warmup,
        @Setting(value = "0", range = Range.NOT_NEGATIVE) double weightDecay,
        @Setting(value = "0.9", range = Range.DECAY) double beta1,
        @Setting(value = "0.999", range = Range.DECAY) double beta2,
        @Setting(value = "1e-8", range = Range.POSITIVE) double epsilon,
        @Setting(value = "1", range = Range.NOT_NEGATIVE) double maxGradientNorm,

        @Setting(value = "512", range = Range.AT_LEAST_2_TOKENS)
        int maxLength,

        @Setting("false") boolean packing,
        @Setting("true") boolean assistantOnly,
        @Setting("false") boolean gradientCheckpointing,

        @Setting(value = "false", decidesLosses = false) boolean deterministic,

        @Setting(value = "0", range = Range.NOT_NEGATIVE) int evaluateEvery,

        @Setting(value = "0", range = Range.NOT_NEGATIVE, decidesLosses = false)
        int saveEvery,

        @Setting(value = "", decidesLosses = false) Path checkpoints,

        @Setting(value = "0", range = Range.NOT_NEGATIVE, decidesLosses = false)
        int sampleEvery,

        @Setting(value = "Who are you?", decidesLosses = false)
        String samplePrompt,

        @Setting(value = "0", range = Range.NOT_NEGATIVE) int patience,
        @Setting("42") long seed) {
    /** @throws IllegalArgumentException if checkpoints are to be saved and there is no folder for them */
    public TrainingArguments {
        if (saveEvery != 0 && checkpoints == null) {
            throw new IllegalArgumentException(
                    "saveEvery: expected a folder in checkpoints as well, found " + saveEvery);
        }
    }

    public static TrainingArguments defaults() {
        return of(Arrays.stream(TrainingArguments.class.getRecordComponents())
                .map(c -> parse(c.getType(), c.getAnnotation(Setting.class).value()))
                .toArray());
    }

    private static Object parse(Class<?> type, String text) {
        if (type == double.class) {
            return Double.valueOf(text);
        }
        if (type == int.class) {
            return Integer.valueOf(text);
        }
        if (type == long.class) {
            return Long.valueOf(text);
        }
        if (type == boolean.class) {
            return Boolean.valueOf(text);
        }
        if (type == Schedule.class) {
            return Schedule.valueOf(text);
        }
        return text.isEmpty() ? null : text;
    }

    private static TrainingArguments of(Object[] values) {
        Class<?>[] types = Arrays.stream(TrainingArguments.class.getRecordComponents())
                .map(RecordComponent::getType)
                .toArray(Class<?>[]::new);
        try {
            return TrainingArguments.class.getConstructor(types).newInstance(values);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError("a record has its constructor", e);
        }
    }

    Object value(RecordComponent component) {
        try {
            return component.getAccessor().invoke(this);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError("a record's accessors are public", e);
        }
    }

    /** The same arguments but for one. */
    private TrainingArguments with(String name, Object changed) {
        return of(Arrays.stream(TrainingArguments.class.getRecordComponents())
                .map(c -> {
                    if (!c.getName().equals(name)) {
                        return value(c);
                    }
                    c.getAnnotation(Setting.class).range().require(name, changed);
                    return changed;
                })
                .toArray());
    }

    /**
     * @throws IllegalArgumentException if a value is out of its range; the message names the argument, the range and
     * the value
     */
    void requireInRange() {
        for (RecordComponent c : TrainingArguments.class.getRecordComponents()) {
            c.getAnnotation(Setting.class).range().require(c.getName(), value(c));
        }
    }

    /** The arguments that decide the losses of a run, by their names. */
    Map<String, String> decidingLosses() {
        Map<String, String> all = new LinkedHashMap<>();
        for (RecordComponent c : TrainingArguments.class.getRecordComponents()) {
            if (c.getAnnotation(Setting.class).decidesLosses()) {
                all.put(c.getName(), String.valueOf(value(c)));
            }
        }
        all.put("gradientAccumulation", Integer.toString(microBatches())); // by however many devices and hosts
        return all;
    }

    /** Passes over the data. */
    public TrainingArguments epochs(double value) {
        return with("epochs", value);
    }

    /** Optimiser steps, which then end the run instead of epochs. */
    public TrainingArguments maxSteps(int value) {
        return with("maxSteps", value);
    }

    /** Sequences a forward pass. */
    public TrainingArguments batchSize(int value) {
        return with("batchSize", value);
    }

    /** Forward passes a step. */
    public TrainingArguments gradientAccumulation(int value) {
        return with("gradientAccumulation", value);
    }

    /** GPUs that share a step's work. */
    public TrainingArguments devices(int value) {
        return with("devices", value);
    }

    /**
     * Hosts that share a step's work. All run the same program with the same arguments, model and data; what differs is
     * refused by its name when they meet. Load the model by {@code LoadOptions.in(Precision.…)}: by default each
     * machine chooses the precision that it computes fastest in, and another one is refused as well. A step of n hosts
     * is that of n devices, or of n times the accumulation, with the same losses to rounding. Rank 0 adds up the
     * gradients in the order of the ranks, updates the factors and sends them to all, so that all have the same bits.
     * What that costs, {@link io.tunebook.hosts.ProcessGroup} says.
     *
     * <pre>{@code
     * var hosts = Hosts.of(2, rank, "192.168.1.5", 29500, secret);    // rank 0 on 192.168.1.5, rank 1 elsewhere
     * Trainer.of(model, LoraConfig.rank(16)).with(TrainingArguments.defaults().hosts(hosts)).train(data);
     * }</pre>
     *
     * <p>Rank 0 writes the checkpoints, reads them in a run that is resumed, and samples answers; its state at the
     * beginning goes to all. The held-out loss is measured by all hosts, a part each. Every host has its own report and
     * tells its own listeners; where hosts share a disk, give a {@link TrainingLog} to rank 0 alone. An interrupt on
     * any host ends the run on all of them after the same step, and so does early stopping; while another host hangs,
     * an interrupt is not heard, for as long as {@link Hosts#timeout()} at most. Where one fails or goes away, all
     * others end with a {@link TrainingException} that names it and the step.
     *
     * <p>Who does not know the secret can neither join nor change what is sent. Nothing of it is encrypted: gradients
     * and factors; what the hosts compare when they meet; the state of a run that is resumed, with its sample answers;
     * and why a host ended, which may quote up to 40 tokens of a batch. Use a network of your own, or a tunnel.
     */
    public TrainingArguments hosts(Hosts value) {
        return with("hosts", value);
    }

    /** Forward passes of all devices and hosts together that make a step. */
    int microBatches() {
        return Math.multiplyExact(Math.multiplyExact(gradientAccumulation, devices), hosts == null ? 1 : hosts.count());
    }

    /** Peak learning rate. */
    public TrainingArguments learningRate(double value) {
        return with("learningRate", value);
    }

    /** Shape of the learning rate over the steps. */
    public TrainingArguments schedule(Schedule value) {
        return with("schedule", Objects.requireNonNull(value));
    }

    /** Share of all steps in which the rate rises. */
    public TrainingArguments warmup(double value) {
        return with("warmup", value);
    }

    /** Decoupled weight decay. */
    public TrainingArguments weightDecay(double value) {
        return with("weightDecay", value);
    }

    /** AdamW's two decays. */
    public TrainingArguments betas(double first, double second) {
        return with("beta1", first).with("beta2", second);
    }

    /** AdamW's epsilon. */
    public TrainingArguments epsilon(double value) {
        return with("epsilon", value);
    }

    /** Clipping by the norm over all factors; 0 for none. */
    public TrainingArguments maxGradientNorm(double value) {
        return with("maxGradientNorm", value);
    }

    /** Tokens a sequence. */
    public TrainingArguments maxLength(int value) {
        return with("maxLength", value);
    }

    /** Several examples in one row, or one. */
    public TrainingArguments packing(boolean value) {
        return with("packing", value);
    }

    /** Loss on the assistant's tokens only, or on all. */
    public TrainingArguments assistantOnly(boolean value) {
        return with("assistantOnly", value);
    }

    /** Compute layers again in the backward pass instead of keeping them. */
    public TrainingArguments gradientCheckpointing(boolean value) {
        return with("gradientCheckpointing", value);
    }

    /** The same bits each time on a GPU, too. */
    public TrainingArguments deterministic(boolean value) {
        return with("deterministic", value);
    }

    /** Steps between measurements of the held-out loss. */
    public TrainingArguments evaluateEvery(int steps) {
        return with("evaluateEvery", steps);
    }

    /** Checkpoints into this folder after every so many steps, 0 for none between, and at the end. */
    public TrainingArguments checkpoints(Path folder, int every) {
        return with("saveEvery", 0).with("checkpoints", folder).with("saveEvery", every);
    }

    /** A sample answer to this question after every so many steps. */
    public TrainingArguments sample(String prompt, int every) {
        return with("samplePrompt", Objects.requireNonNull(prompt)).with("sampleEvery", every);
    }

    /** Early stopping: so many measurements without a new best held-out loss. */
    public TrainingArguments patience(int measurements) {
        return with("patience", measurements);
    }

    /** Seed of everything random. */
    public TrainingArguments seed(long value) {
        return with("seed", value);
    }

    /** What is to know of an argument besides its name and type. */
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.RECORD_COMPONENT)
    @interface Setting {
        /** Its default, as Java prints it; empty for null. */
        String value();

        Range range() default Range.ANY;

        /**
         * Whether another value gives other losses, so that a run does not go on from a checkpoint of one with another
         * value.
         */
        boolean decidesLosses() default true;

        /** Which numbers an argument may be. */
        enum Range {
            ANY("any value", v -> true),
            POSITIVE("a positive number", v -> v > 0 && Double.isFinite(v)),
            NOT_NEGATIVE("0 or a positive number", v -> v >= 0 && Double.isFinite(v)),
            AT_LEAST_1("at least 1", v -> v >= 1),
            AT_LEAST_2_TOKENS("at least 2 tokens", v -> v >= 2),
            SHARE("a share from 0 to 1", v -> v >= 0 && v <= 1),
            DECAY("from 0 to less than 1", v -> v >= 0 && v < 1);

            private final String words;
            private final DoublePredicate holds;

            Range(String words, DoublePredicate holds) {
                this.words = words;
                this.holds = holds;
            }

            /**
             * @throws IllegalArgumentException if the value is outside; it names the argument, the range and the value
             */
            void require(String name, Object value) {
                if (this != ANY && !holds.test(((Number) value).doubleValue())) {
                    throw new IllegalArgumentException(name + ": expected " + words + ", found " + value);
                }
            }
        }
    }
}
