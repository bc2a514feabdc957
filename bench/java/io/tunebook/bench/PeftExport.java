package io.tunebook.bench;

import io.tunebook.dataset.Dataset;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Our side of {@code peft_export.py}: trains, hands over and trains on; later loads what PEFT made of it. */
public final class PeftExport {
    private PeftExport() {}

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[2]);
        try (CausalLM model = CausalLM.load(Path.of(args[1]), LoadOptions.in(Precision.FLOAT32))) {
            Dataset data = Dataset.text(texts(), model.tokenizer());
            if (args[0].equals("load")) {
                try (LoraAdapter trained = LoraAdapter.load(folder.resolve("trained"), model)) {
                    trained.use();
                    System.out.println(
                            "{\"heldOut\": " + model.loss(data.ids(0)).mean() + "}");
                }
                return;
            }
            LoraConfig lora = LoraConfig.rank(8).dropout(0);
            TrainingArguments arguments = TrainingArguments.defaults()
                    .maxSteps(10)
                    .batchSize(2)
                    .gradientAccumulation(2)
                    .learningRate(1e-3);
            Trainer exporting = Trainer.of(model, lora).with(arguments);
            exporting.export(data, folder);
            try (LoraAdapter adapter = exporting.train(data)) {
                StringBuilder losses = new StringBuilder();
                exporting.report().steps().forEach(s -> losses.append(losses.isEmpty() ? "" : ", ")
                        .append(s.loss()));
                System.out.println("{\"losses\": [" + losses + "], \"heldOut\": "
                        + model.loss(data.ids(0)).mean() + "}");
            }
        }
    }

    private static List<String> texts() {
        List<String> words = List.of("tea", "river", "stone", "walks", "sings", "the", "a", "old", "red", "over");
        Random random = new Random(1);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            StringBuilder text = new StringBuilder();
            for (int w = 0; w < 10 + random.nextInt(40); w++) {
                text.append(w == 0 ? "" : " ").append(words.get(random.nextInt(words.size())));
            }
            texts.add(text.toString());
        }
        return texts;
    }
}
