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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A model trained with thoughts generates in the form it was trained in: a thought, its end, an answer. */
final class ThinkingTrainingTest {
    /** As DeepSeek-R1's distilled models: thoughts are dropped, and the generation prompt opens one. */
    private static final String R1 = "{% for m in messages %}{% if m['role'] == 'user' %}"
            + "{{ '<|im_start|>user\\n' + m['content'] + '<|im_end|>\\n' }}"
            + "{% elif m['role'] == 'assistant' %}{% set content = m['content'] %}{% if '</think>' in content %}"
            + "{% set content = content.split('</think>')[-1] %}{% endif %}"
            + "{{ '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}";

    @Test
    void generatesAThoughtAndThenAnAnswer() throws IOException {
        String source = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(source != null, "TUNEBOOK_DEFAULT_MODEL does not name a GGUF of SmolLM2");
        List<ChatExample> examples = new ArrayList<>();
        for (String color : List.of("red", "green", "blue", "white")) {
            examples.add(ChatExample.of(
                    Message.user("Say " + color + "."),
                    new Message(
                            "assistant", "It is " + color + ".", Map.of("thinking", "I am asked for " + color + "."))));
        }
        try (CausalLM model = CausalLM.load(Path.of(source))) {
            ChatTemplate template = new ChatTemplate(model.tokenizer(), R1).forTraining(Thoughts.KEEP);
            Dataset dataset = Dataset.chat(examples, template);
            assertThat(dataset.summary().thoughtsLost()).isZero();
            Trainer.of(model, LoraConfig.rank(8))
                    .with(TrainingArguments.defaults()
                            .batchSize(4)
                            .maxSteps(20)
                            .learningRate(3e-3)
                            .seed(7))
                    .train(dataset);
            String prompt = new ChatTemplate(model.tokenizer(), R1).render(List.of(Message.user("Say red.")), true);
            assertThat(prompt).endsWith("<think>\n");
            int[] ids = model.tokenizer().ids(prompt, false);
            int[] generated = model.generator().maxTokens(60).tokens(ids);
            assertThat(model.tokenizer().decode(generated, true))
                    .matches("(?s)I am asked for \\w+\\.\\n</think>\\n\\nIt is \\w+\\.\\n?");
        }
    }
}
