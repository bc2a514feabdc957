package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.dataset.Dataset;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Thoughts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A model trained with thoughts, by the template of DeepSeek-R1's distilled models, generates in the form it was
 * trained in: a thought, its end, an answer.
 */
final class ThinkingTrainingTest {
    @Test
    @Tag("nightly")
    void generatesAThoughtAndThenAnAnswer() throws IOException {
        String source = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(source != null, "TUNEBOOK_DEFAULT_MODEL does not name a GGUF of SmolLM2");
        String templates = System.getenv("TUNEBOOK_CHAT_TEMPLATES");
        assumeTrue(templates != null, "TUNEBOOK_CHAT_TEMPLATES names no folder with chat templates");
        String r1 = Files.readString(Path.of(templates, "deepseek-ai-DeepSeek-R1-Distill-Llama-8B.jinja"));
        List<ChatExample> examples = new ArrayList<>();
        for (String color : List.of("red", "green", "blue", "white")) {
            examples.add(ChatExample.of(
                    Message.user("Say " + color + "."),
                    new Message(
                            "assistant", "It is " + color + ".", Map.of("thinking", "I am asked for " + color + "."))));
        }
        try (CausalLM model = CausalLM.load(Path.of(source))) {
            ChatTemplate template = new ChatTemplate(model.tokenizer(), r1).forTraining(Thoughts.KEEP);
            Dataset dataset = Dataset.chat(examples, template);
            assertThat(dataset.summary().thoughtsLost()).isZero();
            Trainer.of(model, LoraConfig.rank(8))
                    .with(TrainingArguments.defaults()
                            .batchSize(4)
                            .maxSteps(20)
                            .learningRate(3e-3)
                            .seed(7))
                    .train(dataset);
            String prompt = new ChatTemplate(model.tokenizer(), r1).render(List.of(Message.user("Say red.")), true);
            assertThat(prompt).endsWith("<｜Assistant｜><think>\n");
            int[] ids = model.tokenizer().ids(prompt, false);
            int[] generated = model.generator().maxTokens(60).tokens(ids);
            assertThat(model.tokenizer().decode(generated, true))
                    .startsWith("I am asked for red.\n</think>\n\nIt is red.<｜end▁of▁sentence｜>");
        }
    }
}
