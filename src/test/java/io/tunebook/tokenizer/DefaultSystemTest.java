package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Conversations for training with and without the system prompt that a model's template writes by itself. */
final class DefaultSystemTest {
    private static final String SMOL =
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n";

    private static Tokenizer tokenizer;

    @BeforeAll
    static void load() throws IOException {
        tokenizer = Tokenizer.load(TokenizerGoldenTest.defaultModel());
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    private static ChatExample example(int i) {
        return new ChatExample(
                List.of(
                        Message.user("Who is number " + i + "?"),
                        Message.assistant("I am " + i + "."),
                        Message.user("And?"),
                        Message.assistant("No more than " + i + ".")),
                List.of());
    }

    private static String learned(ChatTemplate.Encoded encoded) {
        List<Integer> ids = new ArrayList<>();
        for (int t = 0; t < encoded.ids().length; t++) {
            if (encoded.assistant()[t]) {
                ids.add(encoded.ids()[t]);
            }
        }
        return tokenizer.decode(ids.stream().mapToInt(i -> i).toArray());
    }

    @Test
    void everySecondConversationGoesWithoutAndIsLearnedAlike() {
        ChatTemplate own = tokenizer.chatTemplate();
        ChatTemplate mixed = own.mixingDefaultSystem();
        int without = 0;
        for (int i = 0; i < 400; i++) {
            ChatTemplate.Encoded plain = own.encode(example(i));
            ChatTemplate.Encoded found = mixed.encode(example(i));
            assertThat(plain.text()).startsWith(SMOL);
            if (!found.text().equals(plain.text())) {
                assertThat(found.text()).isEqualTo(plain.text().substring(SMOL.length()));
                without++;
            }
            assertThat(found.ids()).isEqualTo(tokenizer.ids(found.text(), false));
            assertThat(learned(found)).isEqualTo(learned(plain)).contains("I am " + i + ".", "No more than " + i + ".");
            assertThat(found.asGenerated()).isTrue();
            assertThat(mixed.encode(example(i)).text()).as("the same each time").isEqualTo(found.text());
        }
        assertThat(without).isBetween(150, 250);
        List<Message> told = new ArrayList<>(List.of(Message.system("You are a duck.")));
        told.addAll(example(1).messages());
        for (int i = 0; i < 20; i++) {
            told.set(1, Message.user("Question " + i));
            ChatExample whole = new ChatExample(List.copyOf(told), List.of());
            assertThat(mixed.encode(whole).text()).isEqualTo(own.encode(whole).text());
        }
        assertThat(mixed.render(example(3).messages(), false)).startsWith(SMOL);
    }

    /** What is found in the templates of models, by the words with which it begins. */
    @Test
    void isFoundWhereATemplateHasOne() throws IOException {
        Map<String, String> found = new LinkedHashMap<>();
        try (InputStream in =
                new GZIPInputStream(DefaultSystemTest.class.getResourceAsStream("chat_templates.json.gz"))) {
            JsonNode templates = new ObjectMapper().readTree(in).get("templates");
            for (JsonNode template : templates) {
                DefaultSystem.of(new ChatTemplate(tokenizer, template.asText()))
                        .ifPresent(d -> found.put(d.block(), template.asText()));
            }
        }
        assertThat(found.keySet())
                .contains(SMOL)
                .anyMatch(block -> block.startsWith("<|im_start|>system\nYou are Qwen, created by Alibaba Cloud."))
                // What a template writes beside every system prompt, such as a date, is none.
                .noneMatch(block -> block.contains("Cutting Knowledge Date"));
        found.forEach((block, source) -> assertThat(new ChatTemplate(tokenizer, source)
                        .render(List.of(Message.system("You are a duck."), Message.user("Hi")), false))
                .doesNotContain(block));
    }

    @Test
    void aTemplateWithoutOneStaysAsItIs() {
        ChatTemplate bare = new ChatTemplate(
                tokenizer,
                "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
                        + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
        assertThat(bare.mixingDefaultSystem()).isSameAs(bare);
    }

    /** The two options go together, in either order. */
    @Test
    void goesWithThoughts() {
        ChatTemplate one = tokenizer.chatTemplate().mixingDefaultSystem().forTraining(Thoughts.EMPTY);
        ChatTemplate other =
                tokenizer.chatTemplate().forTraining(Thoughts.EMPTY).mixingDefaultSystem();
        int without = 0;
        for (int i = 0; i < 40; i++) {
            assertThat(one.encode(example(i)).text())
                    .isEqualTo(other.encode(example(i)).text());
            without += one.encode(example(i)).text().startsWith(SMOL) ? 0 : 1;
        }
        assertThat(without).isPositive();
    }
}
