package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.dataset.Dataset;
import io.tunebook.dataset.Packing;
import io.tunebook.files.Json;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.train.Trainer.Seeds;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is handed over to PEFT is what training here would have gone on with; {@code bench/peft_export.py} trains on it.
 */
final class TrainingExportTest {
    private static final TrainingArguments FOUR = TrainingArguments.defaults()
            .maxSteps(4)
            .batchSize(2)
            .gradientAccumulation(3)
            .learningRate(1e-2)
            .schedule(Schedule.COSINE);

    @TempDir
    Path folder;

    @Test
    void theFilesHoldTheAdapterTheDataInTheirOrderAndTheArguments() throws IOException {
        Path own = Files.createDirectories(folder.resolve("model"));
        for (String name : List.of("config.json", "model.safetensors", "tokenizer.json")) {
            Files.copy(Reference.path("llama").resolve(name), own.resolve(name));
        }
        Files.writeString(own.resolve("tokenizer_config.json"), "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
        try (CausalLM model = CausalLM.load(own, LoadOptions.in(Precision.FLOAT32))) {
            List<String> texts = IntStream.range(0, 40)
                    .mapToObj(i -> "w" + (3 + i) + " w9".repeat(1 + i % 7))
                    .toList();
            Dataset data = Dataset.text(texts, model.tokenizer());
            Trainer trainer = Trainer.of(model, LoraConfig.rank(4)).with(FOUR);
            trainer.export(data, folder.resolve("fresh"));
            try (LoraAdapter fresh = LoraAdapter.load(folder.resolve("fresh"), model);
                    LoraAdapter expected = LoraAdapter.create(model, LoraConfig.rank(4), FOUR.seed())) {
                assertThat(fresh.floats()).isEqualTo(expected.floats());
            }
            LoraAdapter trained = trainer.train(data);
            trainer.export(data, folder.resolve("trained"));
            try (LoraAdapter again = LoraAdapter.load(folder.resolve("trained"), model)) {
                assertThat(again.floats()).isEqualTo(trained.floats());
                assertThat(again.settings()).isEqualTo(trained.settings());
            }
            // Read one row after the other they are the batches of the first pass.
            Dataset written = Dataset.open(folder.resolve("trained/data.tokens"), model.tokenizer());
            Packing rows = Packing.padded(2, FOUR.maxLength());
            List<TokenBatch> expected = all(rows.batches(data, Seeds.mix(FOUR.seed(), 0)));
            List<TokenBatch> found = all(rows.batches(written));
            assertThat(found).hasSameSizeAs(expected);
            for (int i = 0; i < found.size(); i++) {
                assertThat(found.get(i).ids()).isEqualTo(expected.get(i).ids());
                assertThat(found.get(i).labels()).isEqualTo(expected.get(i).labels());
            }
            var arguments = Json.files()
                    .readTree(folder.resolve("trained/arguments.json").toFile());
            assertThat(arguments.path("microBatches").asInt()).isEqualTo(3);
            assertThat(arguments.path("schedule").asText()).isEqualTo("COSINE");
            assertThat(arguments.path("model").asText())
                    .isEqualTo(model.path().toAbsolutePath().toString());
            String script = Files.readString(folder.resolve("trained/train.py"));
            assertThat(script).contains("torchrun --nproc_per_node");
            List<String> all = Arrays.stream(TrainingArguments.class.getRecordComponents())
                    .map(RecordComponent::getName)
                    .toList();
            assertThat(all).containsAll(Trainer.PeftExport.NOT_NEEDED);
            for (String name : all) {
                boolean needed = !Trainer.PeftExport.NOT_NEEDED.contains(name);
                assertThat(arguments.has(name)).as(name + " is written").isEqualTo(needed);
                assertThat(script.contains("arguments[\"" + name + "\"]"))
                        .as(name + " is read by the script")
                        .isEqualTo(needed);
            }
            assertThat(Files.readString(folder.resolve("trained/README.md")).lines())
                    .hasSize(5);
        }
    }

    private static List<TokenBatch> all(Packing.Batches batches) {
        return IntStream.range(0, batches.size()).mapToObj(batches::get).toList();
    }
}
