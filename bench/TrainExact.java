package io.tunebook.train;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The losses of the cases that {@code bench/train_gpu_exact.py} has written, in bfloat16, by every path: padded, packed and checkpointed; with two GPUs, by both; and on a
 * quantized model beside the same model expanded. Prints one line of JSON.
 */
final class TrainExact {
    private TrainExact() {}

    public static void main(String[] args) throws Exception {
        Map<String, List<Double>> losses = new TreeMap<>();
        for (String name : args[0].split(",")) {
            JsonNode c = Reference.json("cases/" + name + "/case.json");
            try (CausalLM model = CausalLM.load(
                    Reference.path(c.path("architecture").asText()), LoadOptions.in(Precision.BFLOAT16))) {
                System.err.println(name + ": " + model);
                TrainingArguments arguments = ReferenceTest.arguments(c);
                Path initial = Reference.path("cases/" + name + "/initial");
                losses.put(name + "/padded", losses(model, initial, arguments, Reference.padded()));
                losses.put(
                        name + "/checkpointed",
                        losses(model, initial, arguments.gradientCheckpointing(true), Reference.padded()));
                losses.put(name + "/packed", losses(model, initial, arguments, Reference.packed()));
                if (args.length > 2 && arguments.gradientAccumulation() == 2) {
                    losses.put(
                            name + "/two devices",
                            losses(
                                    model,
                                    initial,
                                    arguments.gradientAccumulation(1).devices(2),
                                    Reference.padded()));
                }
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
                        losses(model, LoraConfig.rank(8), adapter, arguments, Reference.padded()));
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
        trainer.train(Reference.epochs(batches), List.of(), Map.of(), adapter);
        List<Double> losses = new ArrayList<>();
        trainer.report().steps().forEach(s -> losses.add(s.loss()));
        return losses;
    }
}
