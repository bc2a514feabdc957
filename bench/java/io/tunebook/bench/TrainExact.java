package io.tunebook.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.train.Schedule;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The losses of the cases that {@code bench/train_gpu_exact.py} has written, in bfloat16, by every path: padded,
 * packed, checkpointed, and with products in FP8; with two GPUs, by both; and on a quantized model beside the same
 * model expanded. Prints one line of JSON.
 */
final class TrainExact {
    /** Where {@code bench/train_gpu_exact.py} has put models, cases and documents. */
    private static final Path FOLDER = Path.of(System.getProperty("reference"));

    private TrainExact() {}

    public static void main(String[] args) throws Exception {
        Map<String, List<Double>> losses = new TreeMap<>();
        for (String name : args[0].split(",")) {
            JsonNode c = json("cases/" + name + "/case.json");
            try (CausalLM model = CausalLM.load(
                    FOLDER.resolve(c.path("architecture").asText()), LoadOptions.in(Precision.BFLOAT16))) {
                System.err.println(name + ": " + model);
                TrainingArguments arguments = arguments(c);
                Path initial = FOLDER.resolve("cases/" + name + "/initial");
                losses.put(name + "/padded", losses(model, initial, arguments, batches(false)));
                losses.put(
                        name + "/checkpointed",
                        losses(model, initial, arguments.gradientCheckpointing(true), batches(false)));
                losses.put(name + "/packed", losses(model, initial, arguments, batches(true)));
                if (args.length > 2 && arguments.gradientAccumulation() == 2) {
                    losses.put(
                            name + "/two devices",
                            losses(
                                    model,
                                    initial,
                                    arguments.gradientAccumulation(1).devices(2),
                                    batches(false)));
                }
            }
        }
        for (String name : args[0].split(",")) {
            JsonNode c = json("cases/" + name + "/case.json");
            Path config = FOLDER.resolve(c.path("architecture").asText()).resolve("config.json");
            if (ModelConfig.read(config).experts().isPresent()) {
                continue; // experts are not computed in eight bits
            }
            LoadOptions eight = LoadOptions.in(Precision.BFLOAT16).fp8();
            try (CausalLM model =
                    CausalLM.load(FOLDER.resolve(c.path("architecture").asText()), eight)) {
                Path initial = FOLDER.resolve("cases/" + name + "/initial");
                losses.put(name + "/fp8", losses(model, initial, arguments(c), batches(false)));
            }
        }
        for (boolean quantized : new boolean[] {true, false}) {
            Path gguf = Path.of(args[1]);
            try (CausalLM model = quantized
                            ? CausalLM.load(
                                    gguf, LoadOptions.in(Precision.BFLOAT16).quantized())
                            : CausalLM.load(gguf, LoadOptions.in(Precision.BFLOAT16));
                    LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(8), 1)) {
                System.err.println(model);
                TrainingArguments arguments =
                        TrainingArguments.defaults().maxSteps(50).learningRate(5e-3);
                losses.put(
                        quantized ? "blocks" : "expanded",
                        losses(model, LoraConfig.rank(8), adapter, arguments, batches(false)));
            }
        }
        StringBuilder json = new StringBuilder("{");
        losses.forEach((name, values) -> json.append(json.length() > 1 ? ", " : "")
                .append('"')
                .append(name)
                .append("\": ")
                .append(values));
        System.out.println(json.append('}'));
    }

    /** Of the name that Transformers gives it. */
    private static Schedule schedule(String name) {
        return switch (name) {
            case "linear" -> Schedule.LINEAR;
            case "cosine" -> Schedule.COSINE;
            case "constant_with_warmup" -> Schedule.CONSTANT;
            default -> throw new IllegalArgumentException("an unknown schedule: " + name);
        };
    }

    private static TrainingArguments arguments(JsonNode c) {
        return TrainingArguments.defaults()
                .maxSteps(50)
                .batchSize(4)
                .gradientAccumulation(c.path("accumulation").asInt())
                .learningRate(c.path("learningRate").asDouble())
                .schedule(schedule(c.path("schedule").asText()))
                .warmup(c.path("warmupSteps").asInt() / 50.0)
                .weightDecay(c.path("weightDecay").asDouble())
                .betas(c.path("betas").get(0).asDouble(), c.path("betas").get(1).asDouble())
                .maxGradientNorm(c.path("clip").asDouble());
    }

    /** Micro-batches of four documents, one document a row, or two documents in rows of 32. */
    private static List<TokenBatch> batches(boolean packed) throws IOException {
        List<TokenBatch> all = new ArrayList<>();
        for (JsonNode documents : json("documents.json")) {
            int each = packed ? 2 : 1;
            int width = packed ? 32 : 0;
            for (JsonNode document : documents) {
                width = Math.max(width, document.get(0).size());
            }
            int size = documents.size() / each * width;
            TokenBatch b = new TokenBatch(
                    documents.size() / each, width, new int[size], new int[size], new int[size], new int[size]);
            Arrays.fill(b.labels(), TokenBatch.IGNORED);
            Arrays.fill(b.documents(), TokenBatch.PADDING);
            for (int d = 0; d < documents.size() / each * each; d++) {
                JsonNode document = documents.get(d);
                int at = d / each * width
                        + (d % each == 0 ? 0 : documents.get(d - 1).get(0).size());
                for (int t = 0; t < document.get(0).size(); t++) {
                    int id = document.get(0).get(t).asInt();
                    b.ids()[at + t] = id;
                    b.labels()[at + t] = t < document.get(1).asInt() ? TokenBatch.IGNORED : id;
                    b.positions()[at + t] = t;
                    b.documents()[at + t] = d % each;
                }
            }
            all.add(b);
        }
        return all;
    }

    private static JsonNode json(String name) throws IOException {
        return new ObjectMapper().readTree(Files.readAllBytes(FOLDER.resolve(name)));
    }

    private static List<Double> losses(
            CausalLM model, Path initial, TrainingArguments arguments, List<TokenBatch> batches) throws Exception {
        try (LoraAdapter adapter = LoraAdapter.load(initial, model)) {
            List<Double> losses = losses(model, LoraConfig.rank(4), adapter, arguments, batches);
            model.detach();
            return losses;
        }
    }

    private static List<Double> losses(
            CausalLM model,
            LoraConfig lora,
            LoraAdapter adapter,
            TrainingArguments arguments,
            List<TokenBatch> batches) {
        Trainer trainer = Trainer.of(model, lora).with(arguments);
        trainer.train(epoch -> batches, List.of(), adapter);
        List<Double> losses = new ArrayList<>();
        trainer.report().steps().forEach(s -> losses.add(s.loss()));
        return losses;
    }
}
