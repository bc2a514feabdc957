package io.tunebook.bench;

import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import io.tunebook.train.TrainingReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Our side of the training benchmarks; {@code bench/training.py} starts it. Prints one line of JSON.
 *
 * <p>{@code train MODEL ROWS LENGTH STEPS plain|checkpoint loaded|quantized [float32|bfloat16|fastest [DEVICES]]}: median tokens a second of LoRA steps, rank 16 on all
 * linear modules, as {@code Trainer} does and reports them; each device takes ROWS by LENGTH tokens. {@code mixed
 * MODEL ROWS LENGTH STEPS}: the same for conversations of mixed lengths, half of them shorter than 330 tokens and none longer than LENGTH, over all steps from the third on,
 * recordings included; padding is not counted. {@code generate MODEL TOKENS ID…}: seconds of greedy answers. {@code load MODEL ID…}: the first token of a fresh process.
 */
final class TrainBench {
    private TrainBench() {}

    public static void main(String[] args) throws Exception {
        long start = System.nanoTime();
        Path path = Path.of(args[1]);
        switch (args[0]) {
            case "train" -> train(path, args);
            case "mixed" -> mixed(path, args);
            case "generate" -> generate(path, args);
            default -> {
                try (CausalLM model = CausalLM.load(path)) {
                    double loaded = (System.nanoTime() - start) / 1e9;
                    int first = model.generator().maxTokens(1).tokens(ids(args, 2))[0];
                    print("loaded", loaded, "seconds", (System.nanoTime() - start) / 1e9, "token", first);
                }
            }
        }
    }

    private static int[] ids(String[] args, int from) {
        return Arrays.stream(args, from, args.length)
                .mapToInt(Integer::parseInt)
                .toArray();
    }

    private static void print(Object... pairs) {
        StringBuilder json = new StringBuilder();
        for (int i = 0; i < pairs.length; i += 2) {
            Object value = pairs[i + 1] instanceof String s ? '"' + s + '"' : pairs[i + 1];
            json.append(i == 0 ? "" : ", ")
                    .append('"')
                    .append(pairs[i])
                    .append("\": ")
                    .append(value);
        }
        System.out.println("{" + json + "}");
    }

    private static CausalLM load(Path path, boolean quantized, String precision) throws Exception {
        LoadOptions options = precision == null || precision.equals("fastest")
                ? LoadOptions.defaults()
                : LoadOptions.in(Precision.valueOf(precision.toUpperCase(Locale.ROOT)));
        return CausalLM.load(path, quantized ? options.quantized() : options);
    }

    private static void train(Path path, String[] args) throws Exception {
        int rows = Integer.parseInt(args[2]);
        int length = Integer.parseInt(args[3]);
        int steps = Integer.parseInt(args[4]);
        boolean checkpointing = args[5].equals("checkpoint");
        int devices = args.length > 8 ? Integer.parseInt(args[8]) : 1;
        Random random = new Random(1);
        try (CausalLM model = load(path, args[6].equals("quantized"), args.length > 7 ? args[7] : null);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < steps * devices; i++) {
                batches.add(batch(random, rows, length, model.config().vocabularySize()));
            }
            Trainer trainer = Trainer.of(model, LoraConfig.rank(16))
                    .with(TrainingArguments.defaults()
                            .maxSteps(steps)
                            .devices(devices)
                            .gradientCheckpointing(checkpointing));
            trainer.train(epoch -> batches, List.of(), adapter);
            List<TrainingReport.Step> done = trainer.report().steps();
            double[] sorted = done.subList(Math.min(4, steps - 1), steps).stream()
                    .mapToDouble(TrainingReport.Step::tokensPerSecond)
                    .sorted()
                    .toArray();
            print(
                    "tokens_per_second",
                    sorted[sorted.length / 2],
                    "best",
                    sorted[sorted.length - 1],
                    "loss",
                    done.get(steps - 1).loss(),
                    "weight_bytes",
                    model.weightBytes(),
                    "parameters",
                    model.parameters(),
                    "precision",
                    model.precision().toString());
        }
    }

    private static void mixed(Path path, String[] args) throws Exception {
        int rows = Integer.parseInt(args[2]);
        int most = Integer.parseInt(args[3]);
        int steps = Integer.parseInt(args[4]);
        Random random = new Random(1);
        try (CausalLM model = load(path, false, null);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < steps; i++) {
                batches.add(conversations(random, rows, most, model.config().vocabularySize()));
            }
            Trainer trainer = Trainer.of(model, LoraConfig.rank(16))
                    .with(TrainingArguments.defaults().maxSteps(steps));
            trainer.train(epoch -> batches, List.of(), adapter);
            List<TrainingReport.Step> done = trainer.report().steps();
            double seconds = 0;
            double slowest = 0;
            long tokens = 0;
            long positions = 0;
            for (int i = 2; i < steps; i++) {
                int useful = batches.get(i).tokens();
                double took = useful / done.get(i).tokensPerSecond();
                seconds += took;
                slowest = Math.max(slowest, took);
                tokens += useful;
                positions += batches.get(i).ids().length;
            }
            print(
                    "tokens_per_second",
                    tokens / seconds,
                    "padding",
                    1 - (double) tokens / positions,
                    "slowest_step_seconds",
                    slowest,
                    "loss",
                    done.get(steps - 1).loss());
        }
    }

    /** Lengths as chat data has them: their logarithms are normal, with a deviation of 0.9; the answer begins somewhere from 0.15 to 0.75 of each. */
    private static TokenBatch conversations(Random random, int rows, int most, int vocabulary) {
        int[] lengths = new int[rows];
        Arrays.setAll(
                lengths,
                i -> Math.max(16, Math.min(most, (int) Math.exp(Math.log(330) + 0.9 * random.nextGaussian()))));
        int width = Arrays.stream(lengths).max().orElseThrow();
        int size = rows * width;
        TokenBatch b = new TokenBatch(rows, width, new int[size], new int[size], new int[size], new int[size]);
        Arrays.fill(b.labels(), TokenBatch.IGNORED);
        Arrays.fill(b.documents(), TokenBatch.PADDING);
        for (int row = 0; row < rows; row++) {
            int answer = (int) (lengths[row] * (0.15 + 0.6 * random.nextDouble()));
            for (int i = 0; i < lengths[row]; i++) {
                int at = row * width + i;
                b.ids()[at] = random.nextInt(vocabulary);
                b.labels()[at] = i < Math.max(1, answer) ? TokenBatch.IGNORED : b.ids()[at];
                b.positions()[at] = i;
                b.documents()[at] = 0;
            }
        }
        return b;
    }

    private static TokenBatch batch(Random random, int rows, int length, int vocabulary) {
        int[] ids = new int[rows * length];
        int[] positions = new int[ids.length];
        Arrays.setAll(ids, i -> random.nextInt(vocabulary));
        Arrays.setAll(positions, i -> i % length);
        return new TokenBatch(rows, length, ids, ids, positions, new int[ids.length]);
    }

    private static void generate(Path path, String[] args) throws Exception {
        int tokens = Integer.parseInt(args[2]);
        int[] prompt = ids(args, 3);
        try (CausalLM model = CausalLM.load(path)) {
            double best = Double.MAX_VALUE;
            int[] written = {};
            for (int i = 0; i < 4; i++) {
                long start = System.nanoTime();
                written = model.generator().maxTokens(tokens).tokens(prompt);
                best = Math.min(best, (System.nanoTime() - start) / 1e9);
            }
            print(
                    "seconds",
                    best,
                    "tokens",
                    written.length,
                    "ids",
                    Arrays.toString(written),
                    "precision",
                    model.precision().toString());
        }
    }
}
