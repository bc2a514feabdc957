package io.tunebook.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.cuda.CudaUtils;
import io.tunebook.data.ChatExample;
import io.tunebook.dataset.Dataset;
import io.tunebook.export.SafetensorsFolder;
import io.tunebook.lora.AdapterGguf;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.train.MemoryEstimate;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import io.tunebook.train.TrainingListener;
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
 * <p>{@code train MODEL ROWS LENGTH STEPS plain|checkpoint loaded|quantized|fp8 [float32|bfloat16|fastest [DEVICES]]}:
 * tokens a second of LoRA steps from the fifth on, rank 16 on all linear modules, as {@code Trainer} does and reports
 * them; each device takes ROWS by LENGTH tokens; plain computes as many layers again as memory demands. {@code mixed
 * MODEL ROWS LENGTH STEPS}: the same for conversations of mixed lengths, half of them shorter than 330 tokens and none
 * longer than LENGTH, over all steps from the third on, recordings included; padding is not counted. {@code heldout
 * MODEL CHAT loaded|fp8}: the loss of a fifth of a file of conversations, in nats a label, before and after three
 * epochs of the rest. {@code memory FOLDER ROWS LENGTH plain|checkpoint}: what three steps of a model of random weights
 * took of the card beyond the loaded model, as the driver says it, and {@code MemoryEstimate}; the folder has its
 * {@code config.json} and tokenizer. {@code generate MODEL TOKENS ID…}: seconds of greedy answers. {@code finetuned
 * MODEL ADAPTER TOKENS ID…}: the same with an adapter, which is written as GGUF. {@code load MODEL ID…}: the first
 * token of a fresh process.
 */
final class TrainBench {
    private TrainBench() {}

    public static void main(String[] args) throws Exception {
        long start = System.nanoTime();
        Path path = Path.of(args[1]);
        switch (args[0]) {
            case "train" -> train(path, args);
            case "mixed" -> mixed(path, args);
            case "heldout" -> heldOut(path, args);
            case "memory" -> memory(path, args);
            case "generate" -> {
                try (CausalLM model = CausalLM.load(path)) {
                    generate(model, Integer.parseInt(args[2]), ids(args, 3));
                }
            }
            case "finetuned" -> fineTuned(path, args);
            default -> {
                try (CausalLM model = CausalLM.load(path)) {
                    double loaded = (System.nanoTime() - start) / 1e9;
                    int first = model.generator().maxTokens(1).tokens(ids(args, 2))[0];
                    print("loaded", loaded, "seconds", (System.nanoTime() - start) / 1e9, "token", first);
                }
            }
        }
    }

    /**
     * When each step's results were there. On a GPU they may come in pairs, so that only the time of many steps says
     * how long one takes.
     */
    private static final class Clock implements TrainingListener {
        private final List<Long> at = new ArrayList<>();
        private double first;

        @Override
        public void progressed(TrainingReport report) {
            if (report.steps().size() > at.size()) {
                first = at.isEmpty() ? System.currentTimeMillis() / 1e3 : first;
                at.add(System.nanoTime());
            }
        }

        /** From the results of one step to those of another, both counted from 0. */
        double seconds(int from, int to) {
            return (at.get(to) - at.get(from)) / 1e9;
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

    private static CausalLM load(Path path, String storage, String precision) throws Exception {
        LoadOptions options = precision == null || precision.equals("fastest")
                ? LoadOptions.defaults()
                : LoadOptions.in(Precision.valueOf(precision.toUpperCase(Locale.ROOT)));
        return CausalLM.load(
                path,
                switch (storage) {
                    case "quantized" -> options.quantized();
                    case "fp8" -> options.fp8();
                    default -> options;
                });
    }

    private static void train(Path path, String[] args) throws Exception {
        int rows = Integer.parseInt(args[2]);
        int length = Integer.parseInt(args[3]);
        int steps = Integer.parseInt(args[4]);
        boolean checkpointing = args[5].equals("checkpoint");
        int devices = args.length > 8 ? Integer.parseInt(args[8]) : 1;
        Random random = new Random(1);
        try (NDManager others = NDManager.newBaseManager();
                CausalLM model = load(path, args[6], args.length > 7 ? args[7] : null);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
            long occupied = occupy(others);
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < steps * devices; i++) {
                batches.add(Batches.whole(random, rows, length, model.config().vocabularySize()));
            }
            Trainer trainer = Trainer.of(model, LoraConfig.rank(16))
                    .with(TrainingArguments.defaults()
                            .maxSteps(steps)
                            .devices(devices)
                            .gradientCheckpointing(checkpointing));
            Clock clock = new Clock();
            trainer.on(clock).train(epoch -> batches, List.of(), adapter);
            List<TrainingReport.Step> done = trainer.report().steps();
            int from = Math.max(0, Math.min(4, steps - 2));
            print(
                    "tokens_per_second",
                    (double) rows * length * devices * (steps - 1 - from) / clock.seconds(from, steps - 1),
                    "loss",
                    done.get(steps - 1).loss(),
                    "weight_bytes",
                    model.weightBytes(),
                    "parameters",
                    model.parameters(),
                    "precision",
                    model.precision().toString(),
                    "first_step_seconds",
                    clock.first - Double.parseDouble(System.getenv("TUNEBOOK_BENCH_STARTED")),
                    "occupied_gib",
                    occupied,
                    "notes",
                    String.join(" ", trainer.report().notes()));
        }
    }

    private static void memory(Path folder, String[] args) throws Exception {
        int rows = Integer.parseInt(args[2]);
        int length = Integer.parseInt(args[3]);
        boolean checkpointing = args[4].equals("checkpoint");
        SafetensorsFolder.random(folder, 1);
        Random random = new Random(1);
        LoraConfig lora = LoraConfig.rank(16);
        try (CausalLM model = CausalLM.load(folder)) {
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                batches.add(Batches.whole(random, rows, length, model.config().vocabularySize()));
            }
            long tokens = (long) rows * length;
            MemoryEstimate estimate = MemoryEstimate.planned(model.config(), lora, tokens, checkpointing, false);
            model.logits(1, 2, 3); // libraries take their workspaces with the first product
            JniUtils.emptyCudaCache();
            long before = CudaUtils.getGpuMemory(model.device()).getCommitted();
            try (LoraAdapter adapter = LoraAdapter.create(model, lora, 1)) {
                Trainer trainer = Trainer.of(model, lora)
                        .with(TrainingArguments.defaults().maxSteps(3).gradientCheckpointing(checkpointing));
                trainer.train(epoch -> batches, List.of(), adapter);
                // PyTorch gives nothing back before it is asked to, so that this is the most that it took
                long after = trainer.report().steps().stream()
                        .mapToLong(TrainingReport.Step::memory)
                        .max()
                        .orElseThrow();
                print(
                        "taken",
                        after - before,
                        "estimate",
                        estimate.needed(),
                        "factors",
                        estimate.factors(),
                        "activations",
                        estimate.activations(),
                        "logits",
                        estimate.logits(),
                        "weights",
                        model.weightBytes(),
                        "notes",
                        String.join(" ", trainer.report().notes()));
            }
        }
    }

    /**
     * Takes what a card has beyond {@code -Dtunebook.bench.card} GiB, so that a step is planned for a smaller one.
     *
     * @return how many GiB
     */
    private static long occupy(NDManager manager) {
        long card = Long.getLong("tunebook.bench.card", 0) << 30;
        long beyond = CudaUtils.hasCuda() && card > 0
                ? CudaUtils.getGpuMemory(Device.gpu()).getMax() - card
                : 0;
        long pieces = Math.max(0, (beyond + (1 << 30) - 1) >> 30);
        for (long i = 0; i < pieces; i++) {
            manager.create(new Shape(1 << 30), DataType.UINT8, Device.gpu());
        }
        return pieces;
    }

    private static void mixed(Path path, String[] args) throws Exception {
        int rows = Integer.parseInt(args[2]);
        int most = Integer.parseInt(args[3]);
        int steps = Integer.parseInt(args[4]);
        Random random = new Random(1);
        try (CausalLM model = load(path, "loaded", null);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < steps; i++) {
                batches.add(
                        Batches.conversations(random, rows, most, model.config().vocabularySize()));
            }
            Clock clock = new Clock();
            Trainer trainer = Trainer.of(model, LoraConfig.rank(16))
                    .with(TrainingArguments.defaults().maxSteps(steps))
                    .on(clock);
            trainer.train(epoch -> batches, List.of(), adapter);
            List<TrainingReport.Step> done = trainer.report().steps();
            double slowest = 0;
            long tokens = 0;
            long positions = 0;
            for (int i = 2; i < steps; i++) {
                slowest = Math.max(slowest, clock.seconds(i - 1, i));
                tokens += batches.get(i).tokens();
                positions += batches.get(i).ids().length;
            }
            print(
                    "tokens_per_second",
                    tokens / clock.seconds(1, steps - 1),
                    "padding",
                    1 - (double) tokens / positions,
                    "slowest_step_seconds",
                    slowest,
                    "loss",
                    done.get(steps - 1).loss());
        }
    }

    private static void heldOut(Path path, String[] args) throws Exception {
        try (CausalLM model = load(path, args[3], "bfloat16")) {
            Dataset.Split split = Dataset.chat(
                            ChatExample.read(Path.of(args[2])),
                            model.tokenizer().chatTemplate())
                    .split(0.2, 7);
            Trainer trainer = Trainer.of(model, LoraConfig.rank(16))
                    .with(TrainingArguments.defaults()
                            .epochs(3)
                            .batchSize(4)
                            .learningRate(5e-4)
                            .seed(7));
            trainer.train(split.train(), split.heldOut()).close();
            print(
                    "before",
                    trainer.report().firstHeldOutLoss(),
                    "after",
                    trainer.report().lastHeldOutLoss());
        }
    }

    /**
     * An adapter whose answer differs from the base's, as a training leaves it: each factor is drawn, those of A as at
     * the start.
     */
    private static void fineTuned(Path path, String[] args) throws Exception {
        Random random = new Random(1);
        try (CausalLM model = CausalLM.load(path);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
            float[] values = adapter.floats();
            for (int i = 0; i < values.length; i++) {
                values[i] = values[i] == 0 ? 0.002f * (float) random.nextGaussian() : values[i];
            }
            adapter.set(values);
            adapter.use();
            AdapterGguf.write(model.config(), adapter.file(), Path.of(args[2]));
            generate(model, Integer.parseInt(args[3]), ids(args, 4));
        }
    }

    private static void generate(CausalLM model, int tokens, int[] prompt) {
        double best = Double.MAX_VALUE;
        double first = 0;
        int[] written = {};
        for (int i = 0; i < 4; i++) {
            long start = System.nanoTime();
            written = model.generator().maxTokens(tokens).tokens(prompt);
            double seconds = (System.nanoTime() - start) / 1e9;
            first = i == 0 ? seconds : first;
            best = Math.min(best, seconds);
        }
        print(
                "seconds",
                best,
                "first_seconds",
                first,
                "tokens",
                written.length,
                "ids",
                Arrays.stream(written).boxed().toList(),
                "precision",
                model.precision().toString(),
                "writer",
                model.writer());
    }
}
