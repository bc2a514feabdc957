package io.tunebook.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.model.TokenBatch;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Thoughts;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What real templates do with thoughts, and what is trained then: all chat templates in the folder
 * that the environment variable TUNEBOOK_CHAT_TEMPLATES names (environment/chat_templates.py).
 */
final class ThinkingTemplatesTest {
    private static final Message Q = Message.user("What is it?");
    private static final String THOUGHT = "because";
    private static final String ANSWER = "forty-two";
    private static final String TOOLS = "renders conversations with tools alone";
    private static final String PARTS = "takes contents that are lists of parts, and no texts";
    private static final String OTHER_MARKS =
            "its generation prompt opens or closes a thought in a form that is not known here";

    /** What is refused in words, never trained otherwise than generation goes, with the reason. */
    private static final Map<String, String> NOT_TRAINED = new TreeMap<>(Map.ofEntries(
            Map.entry("CohereForAI-c4ai-command-r-plus-tool_use.jinja", TOOLS),
            Map.entry("CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", OTHER_MARKS),
            Map.entry("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", TOOLS),
            Map.entry("NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", TOOLS),
            Map.entry("axolotl_gemma4.jinja", OTHER_MARKS),
            Map.entry("axolotl_gemma4_unified.jinja", OTHER_MARKS),
            Map.entry("fireworks-ai-llama-3-firefunction-v2.jinja", TOOLS),
            Map.entry("google-gemma-4-31B-it-interleaved.jinja", OTHER_MARKS),
            Map.entry("google-gemma-4-31B-it.jinja", OTHER_MARKS),
            Map.entry("tencent-Hy3.jinja", OTHER_MARKS),
            Map.entry("trl_idefics3.jinja", PARTS),
            Map.entry("trl_idefics3_training.jinja", PARTS),
            Map.entry("trl_llava_next.jinja", PARTS),
            Map.entry("trl_llava_next_training.jinja", PARTS),
            Map.entry("trl_smolvlm.jinja", PARTS),
            Map.entry("trl_smolvlm_training.jinja", PARTS)));

    private static final List<String> NAMES = List.of("reasoning_content", "thinking", "reasoning", "content");

    @TempDir
    Path own;

    private Tokenizer tokenizer;
    private Path folder;

    @BeforeEach
    void open() throws IOException {
        String given = System.getenv("TUNEBOOK_CHAT_TEMPLATES");
        assumeTrue(given != null, "TUNEBOOK_CHAT_TEMPLATES names no folder with chat templates");
        folder = Path.of(given);
        Files.copy(
                Path.of("test/resources/io/tunebook/export/llama/hub/tokenizer.json"), own.resolve("tokenizer.json"));
        Files.writeString(
                own.resolve("tokenizer_config.json"),
                "{\"bos_token\": \"<|endoftext|>\", \"eos_token\": \"<|im_end|>\"}");
        tokenizer = Tokenizer.load(own);
    }

    @AfterEach
    void close() {
        if (tokenizer != null) {
            tokenizer.close();
        }
    }

    private ChatTemplate template(String name) throws IOException {
        return new ChatTemplate(tokenizer, Files.readString(folder.resolve(name)));
    }

    private static ChatExample thoughtful(String name) {
        return ChatExample.of(
                Q,
                name.equals("content")
                        ? Message.assistant("<think>\n" + THOUGHT + "\n</think>\n\n" + ANSWER)
                        : new Message("assistant", ANSWER, Map.of(name, THOUGHT)));
    }

    private String text(Dataset dataset) {
        return tokenizer.decode(dataset.ids(0), false);
    }

    private String labelled(Dataset dataset) {
        return tokenizer.decode(
                Arrays.stream(dataset.labels(0))
                        .filter(id -> id != TokenBatch.IGNORED)
                        .toArray(),
                false);
    }

    @Test
    void qwen3LearnsTheThoughtUnderEachOfItsNames() throws IOException {
        ChatTemplate qwen3 = template("Qwen-Qwen3-0.6B.jinja");
        for (String name : NAMES) {
            assertThat(labelled(Dataset.chat(List.of(thoughtful(name)), qwen3)))
                    .isEqualTo("<think>\nbecause\n</think>\n\nforty-two<|im_end|>");
        }
        assertThat(labelled(Dataset.chat(List.of(ChatExample.of(Q, Message.assistant(ANSWER))), qwen3)))
                .isEqualTo("<think>\n\n</think>\n\nforty-two<|im_end|>");
    }

    @Test
    void r1IsTrainedInTheFormThatItGenerates() throws IOException {
        ChatTemplate r1 = template("deepseek-ai-DeepSeek-R1-Distill-Llama-8B.jinja");
        String prompt = r1.render(List.of(Q), true);
        assertThat(prompt).isEqualTo("<|endoftext|><｜User｜>What is it?<｜Assistant｜><think>\n");
        ChatExample plain = ChatExample.of(Q, Message.assistant(ANSWER));
        for (ChatExample example : List.of(plain, thoughtful("thinking"))) {
            assertThatThrownBy(() -> Dataset.chat(List.of(example), r1))
                    .hasMessageContaining("<｜Assistant｜><think>\\n")
                    .hasMessageContaining("<｜Assistant｜>forty-two<｜end▁of▁sentence｜>")
                    .hasMessageContaining("forTraining(Thoughts.KEEP)");
        }
        for (String name : NAMES) {
            Dataset kept = Dataset.chat(List.of(thoughtful(name)), r1.forTraining(Thoughts.KEEP));
            assertThat(text(kept)).isEqualTo(prompt + "because\n</think>\n\nforty-two<｜end▁of▁sentence｜>");
            assertThat(labelled(kept)).isEqualTo("because\n</think>\n\nforty-two<｜end▁of▁sentence｜>");
            assertThat(kept.summary().thoughts()).isEqualTo(1);
            assertThat(kept.summary().thoughtsLost()).isZero();
        }
        assertThat(text(Dataset.chat(List.of(plain), r1.forTraining(Thoughts.EMPTY))))
                .isEqualTo(prompt + "\n</think>\n\nforty-two<｜end▁of▁sentence｜>");
        ChatTemplate asIs = r1.forTraining(Thoughts.AS_TEMPLATE);
        assertThat(labelled(Dataset.chat(List.of(ChatExample.of(Q, Message.assistant("<svg width=\"1\"/>"))), asIs)))
                .isEqualTo("<svg width=\"1\"/><｜end▁of▁sentence｜>");
        assertThat(Dataset.chat(List.of(thoughtful("reasoning")), asIs)
                        .summary()
                        .thoughtsLost())
                .isEqualTo(1);
    }

    /**
     * A row is learned as generation writes it, with its thought and its answer, or it is refused: by every template.
     */
    @Test
    void everyTemplateIsTrainedInTheFormThatItGenerates() throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(f -> f.toString().endsWith(".jinja")).sorted().toList();
        }
        assertThat(files).hasSizeGreaterThanOrEqualTo(178);
        Map<String, String> wrong = new TreeMap<>();
        Map<String, Map<String, String>> refused = new TreeMap<>();
        for (Path file : files) {
            String name = file.getFileName().toString();
            Map<String, String> faults = new LinkedHashMap<>();
            Map<String, String> refusals = new LinkedHashMap<>();
            for (Thoughts thoughts : new Thoughts[] {null, Thoughts.KEEP, Thoughts.EMPTY}) {
                check(template(name), thoughts, faults, refusals);
            }
            if (!faults.isEmpty()) {
                wrong.put(name, faults.toString());
            }
            refused.put(name, refusals);
        }
        assertThat(wrong).isEmpty();
        assertThat(refusing(refused, "KEEP reasoning_content")).isEqualTo(NOT_TRAINED.keySet());
        assertThat(refusing(refused, "KEEP content")).isEqualTo(NOT_TRAINED.keySet());
        assertThat(refusing(refused, "EMPTY content")).isEqualTo(NOT_TRAINED.keySet());
        Set<String> plain = new TreeSet<>(NOT_TRAINED.keySet());
        plain.add("Cohere2MoE.jinja"); // its generation prompt opens a thought in a form that is not known here
        plain.remove("tencent-Hy3.jinja");
        assertThat(refusing(refused, "EMPTY plain")).isEqualTo(plain);
        refused.forEach((name, refusals) -> refusals.forEach((what, why) -> {
            if (!NOT_TRAINED.containsKey(name) && !what.startsWith("own")) {
                assertThat(what).as(name + ": " + why).endsWith("plain");
            }
        }));
    }

    private static Set<String> refusing(Map<String, Map<String, String>> refused, String what) {
        Set<String> names = new TreeSet<>();
        refused.forEach((name, refusals) -> {
            if (refusals.containsKey(what)) {
                names.add(name);
            }
        });
        return names;
    }

    private void check(ChatTemplate own, Thoughts thoughts, Map<String, String> faults, Map<String, String> refusals) {
        String as = thoughts == null ? "own" : thoughts.name();
        ChatTemplate template;
        try {
            template = thoughts == null ? own : own.forTraining(thoughts);
        } catch (IllegalStateException e) {
            refusals.put(as, e.getMessage());
            return;
        }
        List<String> texts = new ArrayList<>();
        for (String name : NAMES) {
            try {
                Dataset dataset = Dataset.chat(List.of(thoughtful(name)), template);
                String said = labelled(dataset);
                texts.add(text(dataset));
                if (!said.contains(ANSWER) || said.contains(Q.content())) {
                    faults.put(as + " " + name, "labelled: " + said);
                }
                boolean lost = !said.contains(THOUGHT);
                if (lost != (dataset.summary().thoughtsLost() == 1)) {
                    faults.put(as + " " + name, "lost: " + dataset.summary() + " in " + said);
                }
                if (lost) {
                    refusals.put(as + " " + name, "lost");
                }
            } catch (IllegalArgumentException e) {
                refusals.put(as + " " + name, e.getMessage());
            }
        }
        if (texts.stream().distinct().count() > 1) {
            faults.put(as, "names differ: " + texts);
        }
        try {
            Dataset dataset = Dataset.chat(List.of(ChatExample.of(Q, Message.assistant(ANSWER))), template);
            String said = labelled(dataset);
            if (!said.contains(ANSWER) || said.contains(Q.content())) {
                faults.put(as + " plain", "labelled: " + said);
            }
            String prompt = own.render(List.of(Q), true);
            if (!text(dataset).startsWith(prompt)) {
                faults.put(as + " plain", "prompt " + prompt + " text " + text(dataset));
            }
        } catch (IllegalArgumentException e) {
            refusals.put(as + " plain", e.getMessage());
        }
    }
}
