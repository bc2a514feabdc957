package io.tunebook.bench;

import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.TokenBatch;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import io.tunebook.train.TrainingListener;
import io.tunebook.train.TrainingReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * The same training twice, from the same factors on the same batches: whether the bits are the same, and how fast it
 * was. {@code bench/training.py} starts it.
 *
 * <p>{@code MODEL ROWS LENGTH STEPS whole|conversations|packed loaded|quantized fast|deterministic [DEVICES]} prints
 * one line of JSON: of how many steps the loss was the same, the largest difference of two losses as a share, in how
 * many factors the adapters differ, a number that another process gets too if it finds the same adapter, and tokens a
 * second of the second training's later half.
 */
final class TwiceBench {
    private TwiceBench() {}

    private record Run(double[] losses, float[] factors, double tokensPerSecond, String notes) {}

    public static void main(String[] args) throws Exception {
        int rows = Integer.parseInt(args[1]);
        int length = Integer.parseInt(args[2]);
        int steps = Integer.parseInt(args[3]);
        int devices = args.length > 7 ? Integer.parseInt(args[7]) : 1;
        LoadOptions options = LoadOptions.defaults();
        Random random = new Random(1);
        try (CausalLM model =
                CausalLM.load(Path.of(args[0]), args[5].equals("quantized") ? options.quantized() : options)) {
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < steps * devices; i++) {
                batches.add(
                        Batches.of(args[4], random, rows, length, model.config().vocabularySize()));
            }
            TrainingArguments arguments = TrainingArguments.defaults()
                    .maxSteps(steps)
                    .devices(devices)
                    .deterministic(args[6].equals("deterministic"));
            Run first = run(model, batches, arguments);
            Run second = run(model, batches, arguments);
            int same = 0;
            double farthest = 0;
            for (int i = 0; i < steps; i++) {
                same += first.losses[i] == second.losses[i] ? 1 : 0;
                farthest = Math.max(farthest, Math.abs(first.losses[i] / second.losses[i] - 1));
            }
            int differing = 0;
            for (int i = 0; i < first.factors.length; i++) {
                differing +=
                        Float.floatToRawIntBits(first.factors[i]) == Float.floatToRawIntBits(second.factors[i]) ? 0 : 1;
            }
            System.out.printf(
                    "{\"tokens_per_second\": %s, \"same_losses\": %d, \"steps\": %d, \"farthest\": %s, \"differing_factors\": %d, "
                            + "\"factors\": %d, \"adapter\": \"%08x\", \"loss\": %s, \"notes\": \"%s\"}%n",
                    second.tokensPerSecond,
                    same,
                    steps,
                    farthest,
                    differing,
                    first.factors.length,
                    Arrays.hashCode(second.factors),
                    second.losses[steps - 1],
                    second.notes);
        }
    }

    private static Run run(CausalLM model, List<TokenBatch> batches, TrainingArguments arguments) {
        try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
            List<Long> at = new ArrayList<>();
            Trainer trainer = Trainer.of(model, LoraConfig.rank(16))
                    .with(arguments)
                    .on(new TrainingListener() {
                        @Override
                        public void progressed(TrainingReport soFar) {
                            if (soFar.steps().size() > at.size()) {
                                at.add(System.nanoTime());
                            }
                        }
                    });
            trainer.train(epoch -> batches, List.of(), adapter);
            int steps = arguments.maxSteps();
            int from = steps / 2;
            long tokens = batches.subList((from + 1) * arguments.devices(), steps * arguments.devices()).stream()
                    .mapToLong(TokenBatch::tokens)
                    .sum();
            return new Run(
                    trainer.report().steps().stream()
                            .mapToDouble(TrainingReport.Step::loss)
                            .toArray(),
                    adapter.floats(),
                    tokens * 1e9 / (at.get(steps - 1) - at.get(from)),
                    String.join(" ", trainer.report().notes()));
        }
    }
}
