package io.tunebook.train;

import io.tunebook.dataset.Dataset;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.train.Trainer.Seeds;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Training handed over to PEFT: everything that it needs to go on, as files that no Java is needed for. */
final class TrainingExport {
    private static final String README = """
            A LoRA adapter, its data and its arguments, to be trained on with PEFT: `pip install torch transformers peft accelerate`.
            One machine: `torchrun --nproc_per_node 8 train.py`; several: `accelerate launch --num_machines 4 … train.py` on each.
            The model is read from `%s`; name another place with `--model`. It must be the same model.
            The first pass takes the rows of `data.tokens` in their order, which is Tunebook's; %s
            The result is in `trained`: `LoraAdapter.load(Path.of("trained"), model)` loads it in Tunebook.
            """;

    private TrainingExport() {}

    static void write(Path folder, Dataset data, LoraAdapter adapter, TrainingArguments arguments) throws IOException {
        Files.createDirectories(folder);
        adapter.save(folder);
        data.shuffle(Seeds.mix(arguments.seed(), 0)).save(folder.resolve("data.tokens"));
        Files.deleteIfExists(folder.resolve("data.tokens.lock"));
        String model = adapter.model().path().toAbsolutePath().toString();
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("model", model);
        all.put("tokenizer", data.tokenizerChecksum());
        all.put("epochs", arguments.epochs());
        all.put("maxSteps", arguments.maxSteps());
        all.put("batchSize", arguments.batchSize());
        all.put("microBatches", arguments.microBatches());
        all.put("learningRate", arguments.learningRate());
        all.put("schedule", arguments.schedule().name());
        all.put("warmup", arguments.warmup());
        all.put("weightDecay", arguments.weightDecay());
        all.put("beta1", arguments.beta1());
        all.put("beta2", arguments.beta2());
        all.put("epsilon", arguments.epsilon());
        all.put("maxGradientNorm", arguments.maxGradientNorm());
        all.put("seed", arguments.seed());
        AtomicFile.write(
                folder.resolve("arguments.json"),
                Json.files().writerWithDefaultPrettyPrinter().writeValueAsBytes(all));
        try (InputStream script = TrainingExport.class.getResourceAsStream("export_train.py")) {
            AtomicFile.write(folder.resolve("train.py"), script.readAllBytes());
        }
        String packing = arguments.packing()
                ? "rows hold one example there, also where Tunebook packs several."
                : "later ones are shuffled otherwise.";
        AtomicFile.write(
                folder.resolve("README.md"), README.formatted(model, packing).getBytes(StandardCharsets.UTF_8));
    }
}
