package io.tunebook.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Corpus;
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
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is learned of conversations, with templates made after those that models have. */
final class ChatTrainingTest {
    /** As DeepSeek-R1's distilled models: thoughts are dropped, and the generation prompt opens one. */
    private static final String R1 =
            "{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|User|>' + m['content'] }}"
                    + "{% elif m['role'] == 'assistant' %}{% set content = m['content'] %}{% if '</think>' in content %}"
                    + "{% set content = content.split('</think>')[-1] %}{% endif %}{{ '<|Assistant|>' + content + '<|im_end|>' }}"
                    + "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{% endif %}";

    /** As Qwen3: the thought of the last answer is kept, or is empty; those of earlier ones are dropped. */
    private static final String QWEN3 =
            "{% for m in messages %}{% if m.role == 'assistant' %}{% set content = m.content %}"
                    + "{% set thought = '' %}{% if m.reasoning_content is defined and m.reasoning_content is not none %}"
                    + "{% set thought = m.reasoning_content %}{% elif '</think>' in content %}"
                    + "{% set thought = content.split('</think>')[0].split('<think>')[-1].strip('\\n') %}"
                    + "{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
                    + "{{ '<|im_start|>assistant\\n' }}{% if loop.last %}{{ '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}"
                    + "{% endif %}{{ content + '<|im_end|>\\n' }}{% else %}"
                    + "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}"
                    + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private static final String CHATML =
            "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
                    + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private static final Message Q = Message.user("q");
    private static final ChatExample PLAIN = ChatExample.of(Q, Message.assistant("42"));
    private static final ChatExample THOUGHTFUL = ChatExample.of(Q, thinking("because", "42"));

    @TempDir
    Path folder;

    private Tokenizer tokenizer;

    @BeforeEach
    void open() throws IOException {
        tokenizer = Tokenizer.load(Path.of("test/resources/io/tunebook/export/llama/hub"));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private static Message thinking(String thought, String answer) {
        return new Message("assistant", answer, Map.of("reasoning_content", thought));
    }

    private ChatTemplate template(String jinja) {
        return new ChatTemplate(tokenizer, jinja);
    }

    /** The texts of the runs of labels of an example. */
    private List<String> learned(Dataset dataset, int example) {
        List<String> runs = new ArrayList<>();
        int[] labels = dataset.labels(example);
        for (int t = 0, from = 0; t <= labels.length; t++) {
            if (t == labels.length || labels[t] == TokenBatch.IGNORED) {
                if (t > from) {
                    runs.add(tokenizer.decode(Arrays.copyOfRange(labels, from, t), false));
                }
                from = t + 1;
            }
        }
        return runs;
    }

    private String text(Dataset dataset, int example) {
        return tokenizer.decode(dataset.ids(example), false);
    }

    @ParameterizedTest
    @ValueSource(strings = {"reasoning_content", "thinking", "reasoning", "content"})
    void aThoughtReachesTheTemplateUnderEachOfItsNames(String name) {
        Message answer = name.equals("content")
                ? Message.assistant("<think>\nbecause\n</think>\n\n42")
                : new Message("assistant", "42", Map.of(name, "because"));
        for (String jinja : new String[] {QWEN3, CHATML}) {
            Dataset dataset = Dataset.chat(List.of(ChatExample.of(Q, answer)), template(jinja));
            assertThat(text(dataset, 0)).endsWith("assistant\n<think>\nbecause\n</think>\n\n42<|im_end|>\n");
            assertThat(learned(dataset, 0)).containsExactly("<think>\nbecause\n</think>\n\n42<|im_end|>");
            assertThat(dataset.summary().thoughts()).isEqualTo(1);
            assertThat(dataset.summary().thoughtsLost()).isZero();
        }
        assertThat(learned(Dataset.chat(List.of(PLAIN), template(QWEN3)), 0))
                .containsExactly("<think>\n\n</think>\n\n42<|im_end|>");
    }

    @Test
    void anAnswerThatGenerationNeverAsksForIsAnError() {
        for (ChatExample example : List.of(PLAIN, THOUGHTFUL)) {
            assertThatThrownBy(() -> Dataset.chat(List.of(example), template(R1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("example 0: the model would learn an answer that generation never asks for")
                    .hasMessageContaining("\n  generation: <|User|>q<|Assistant|><think>\\n\n")
                    .hasMessageContaining("\n  training:   <|User|>q<|Assistant|>42<|im_end|>\n")
                    .hasMessageContaining("forTraining(Thoughts.KEEP)")
                    .hasMessageContaining("forTraining(Thoughts.EMPTY)")
                    .hasMessageContaining("forTraining(Thoughts.AS_TEMPLATE)");
        }
    }

    @Test
    void theTrainingTemplateWritesAsGenerationDoes() {
        ChatTemplate keep = template(R1).forTraining(Thoughts.KEEP);
        Dataset thought = Dataset.chat(List.of(THOUGHTFUL), keep);
        assertThat(text(thought, 0)).isEqualTo("<|User|>q<|Assistant|><think>\nbecause\n</think>\n\n42<|im_end|>");
        assertThat(learned(thought, 0)).containsExactly("because\n</think>\n\n42<|im_end|>");
        assertThat(keep.source()).contains(R1);
        assertThat(keep.render(List.of(Q), true)).isEqualTo("<|User|>q<|Assistant|><think>\n");
        assertThatThrownBy(() -> Dataset.chat(List.of(PLAIN), keep))
                .hasMessageContaining("the answer has no thought, but the generation prompt opens one");

        ChatTemplate empty = template(R1).forTraining(Thoughts.EMPTY);
        Dataset none = Dataset.chat(List.of(PLAIN, THOUGHTFUL), empty);
        assertThat(text(none, 0)).isEqualTo("<|User|>q<|Assistant|><think>\n\n</think>\n\n42<|im_end|>");
        assertThat(learned(none, 0)).containsExactly("\n</think>\n\n42<|im_end|>");
        assertThat(text(none, 1)).isEqualTo(text(thought, 0));
        assertThat(none.summary().toString()).contains("1 of 2 answers have a thought, 0 lost it");

        Dataset asIs = Dataset.chat(List.of(PLAIN, THOUGHTFUL), template(R1).forTraining(Thoughts.AS_TEMPLATE));
        assertThat(learned(asIs, 0)).containsExactly("42<|im_end|>");
        assertThat(learned(asIs, 1)).containsExactly("42<|im_end|>");
        assertThat(asIs.summary().toString()).contains("1 of 2 answers have a thought, 1 lost it");
    }

    @Test
    void eachAnswerOfAConversationIsLearnedAsItIsGenerated() {
        ChatExample two = ChatExample.of(Q, thinking("why", "a"), Message.user("r"), thinking("because", "b"));
        Dataset r1 = Dataset.chat(List.of(two), template(R1).forTraining(Thoughts.KEEP));
        assertThat(r1.size()).isEqualTo(2);
        assertThat(text(r1, 0)).isEqualTo("<|User|>q<|Assistant|><think>\nwhy\n</think>\n\na<|im_end|>");
        assertThat(text(r1, 1))
                .isEqualTo(
                        "<|User|>q<|Assistant|>a<|im_end|><|User|>r<|Assistant|><think>\nbecause\n</think>\n\nb<|im_end|>");
        assertThat(learned(r1, 1)).containsExactly("because\n</think>\n\nb<|im_end|>");
        assertThat(r1.summary().notes()).first().asString().startsWith("1 of 1 conversations have several answers");

        Dataset qwen = Dataset.chat(List.of(two), template(QWEN3).forTraining(Thoughts.KEEP));
        assertThat(qwen.size()).isEqualTo(2);
        assertThat(learned(qwen, 0)).containsExactly("<think>\nwhy\n</think>\n\na<|im_end|>");
        assertThat(learned(qwen, 1)).containsExactly("<think>\nbecause\n</think>\n\nb<|im_end|>");

        Dataset own = Dataset.chat(List.of(two), template(QWEN3));
        assertThat(learned(own, 0)).containsExactly("a<|im_end|>", "<think>\nbecause\n</think>\n\nb<|im_end|>");
        assertThat(own.summary().thoughtsLost()).isEqualTo(1);

        Dataset chatml = Dataset.chat(List.of(two), template(CHATML).forTraining(Thoughts.EMPTY));
        assertThat(chatml.size())
                .as("a template without thoughts stays as it is")
                .isEqualTo(1);
    }

    @Test
    void anAnswerBeginsWhereTheTemplateWritesItAndNotWhereCharactersDiffer() {
        for (String answer : new String[] {"<svg width=\"1\"/>", "<think", "<|", "assistant\n", "<"}) {
            Dataset dataset = Dataset.chat(
                    List.of(ChatExample.of(Q, Message.assistant(answer))),
                    template(R1).forTraining(Thoughts.AS_TEMPLATE));
            assertThat(learned(dataset, 0)).containsExactly(answer + "<|im_end|>");
        }
    }

    @Test
    void turnsThatAreContextAreNotLabelled() {
        for (Map<String, Object> mark : List.<Map<String, Object>>of(
                Map.of("weight", 0), Map.of("train", false), Map.of("loss_mask", 0), Map.of("loss_weight", 0.0))) {
            ChatExample example = ChatExample.of(
                    Q, new Message("assistant", "no", mark), Message.user("r"), Message.assistant("yes"));
            Dataset dataset = Dataset.chat(List.of(example), template(CHATML));
            assertThat(learned(dataset, 0)).containsExactly("yes<|im_end|>");
            assertThat(text(dataset, 0)).contains("assistant\nno<|im_end|>");
        }
    }

    /** Loops beside the messages, a last turn behind the loop, a mark between role and answer. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for i in range(messages | length) %}<{{ messages[i].role }}>{{ messages[i].content }}<|im_end|>{% endfor %}"
                        + "{% if add_generation_prompt %}<assistant>{% endif %}",
                "{% for m in messages[:-1] %}<{{ m.role }}>{{ m.content }}<|im_end|>{% endfor %}{% set m = messages[-1] %}"
                        + "<{{ m.role }}>{{ m.content }}<|im_end|>{% if add_generation_prompt %}<assistant>{% endif %}",
                "{% for m in messages %}{% set text = m.content | trim %}<{{ m.role }}><|im_start|>{{ text }}<|im_end|>{% endfor %}",
                "{% for m in messages %}{% set m = dict(m, seen=true) %}<{{ m.role }}>{{ m.content }}<|im_end|>\n{% endfor %}"
                        + "{% if add_generation_prompt %}<assistant>{% endif %}"
            })
    void answersAreFoundHoweverATemplateWritesThem(String jinja) {
        ChatExample example = ChatExample.of(
                Q,
                Message.assistant("user"),
                Message.user("assistant"),
                Message.assistant("q"),
                Q,
                Message.assistant("z"));
        Dataset dataset = Dataset.chat(List.of(example), template(jinja));
        assertThat(learned(dataset, 0)).containsExactly("user<|im_end|>", "q<|im_end|>", "z<|im_end|>");
    }

    @Test
    void anAnswerThatIsNotWrittenIsAnErrorAndNoSmallerMask() {
        ChatTemplate first = template("{% for m in messages[:2] %}<{{ m.role }}>{{ m.content }}<|im_end|>{% endfor %}"
                + "{% if add_generation_prompt %}<assistant>{% endif %}");
        ChatExample example = ChatExample.of(Q, Message.assistant("one"), Q, Message.assistant("two"));
        assertThatThrownBy(() -> Dataset.chat(List.of(example), first))
                .hasMessageContaining("the template does not write the answer of message 3, \"two\"");
    }

    @Test
    void whatToolsAnswerIsNotLabelled() {
        String calls = "{% for m in messages %}{% if m.role != 'tool' %}<{{ m.role }}>{{ m.content }}"
                + "{% for c in m.tool_calls or [] %}[call {{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor %}"
                + "<|im_end|>{% if m.tool_calls and loop.index < messages | length %}{% set next = messages[loop.index] %}<tool>{{ next.content }}<|im_end|>"
                + "{% endif %}{% endif %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        Object call = Map.of("type", "function", "function", Map.of("name", "f", "arguments", Map.of("x", 1)));
        ChatExample example = ChatExample.of(
                Q,
                new Message("assistant", "", Map.of("tool_calls", List.of(call))),
                new Message("tool", "result"),
                Message.assistant("done"));
        Dataset dataset = Dataset.chat(List.of(example), template(calls));
        assertThat(learned(dataset, 0)).containsExactly("[call f {\"x\": 1}]<|im_end|>", "done<|im_end|>");
    }

    @Test
    void badRowsOfACorpusAreLeftOutWhereThatWasSaid() throws IOException {
        Path file = Files.writeString(
                folder.resolve("r1.jsonl"),
                "{\"prompt\": \"q\", \"completion\": \"<think>w</think>a\"}\n"
                        + "{\"prompt\": \"q\", \"completion\": \"\"}\n{\"prompt\": \"q\", \"completion\": \"no thought\"}\n");
        ChatTemplate keep = template(R1).forTraining(Thoughts.KEEP);
        Corpus corpus = Corpus.open(file);
        assertThatThrownBy(() -> Dataset.chat(corpus, keep))
                .hasMessageContaining("2 examples are wrong")
                .hasMessageContaining("r1.jsonl:3: ")
                .hasMessageContaining("the answer has no thought");
        Corpus skipping = corpus.onError(Corpus.OnError.SKIP);
        assertThat(Dataset.chat(skipping, keep).size()).isEqualTo(1);
        assertThat(skipping.problems().count()).isEqualTo(2);
    }

    @Test
    void aTemplateForToolsIsUsedWhereThereAreTools() throws IOException {
        Path source = Path.of("test/resources/io/tunebook/export/llama/hub/tokenizer.json");
        String plain = "plain{% for m in messages %}{{ m.content }}{% endfor %}";
        String tools = "tools{% for m in messages %}{{ m.content }}{% endfor %}";
        Path list = Files.createDirectories(folder.resolve("list"));
        Files.writeString(list.resolve("tokenizer.json"), Files.readString(source));
        Files.writeString(
                list.resolve("tokenizer_config.json"),
                "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"" + tools
                        + "\"}, {\"name\": \"default\", \"template\": \"" + plain + "\"}]}");
        Path files = Files.createDirectories(folder.resolve("files/additional_chat_templates"))
                .getParent();
        Files.writeString(files.resolve("tokenizer.json"), Files.readString(source));
        Files.writeString(files.resolve("chat_template.jinja"), plain);
        Files.writeString(files.resolve("additional_chat_templates/tool_use.jinja"), tools);
        List<Map<String, Object>> some = List.of(Map.of("type", "function", "function", Map.of("name", "f")));
        for (Path one : new Path[] {list, files}) {
            try (Tokenizer own = Tokenizer.load(one)) {
                assertThat(own.chatTemplate().render(List.of(Q), false)).isEqualTo("plainq");
                assertThat(own.chatTemplate().render(List.of(Q), false, some)).isEqualTo("toolsq");
                assertThat(own.chatTemplate()
                                .encode(new ChatExample(List.of(Q, Message.assistant("a")), some))
                                .text())
                        .isEqualTo("toolsqa");
            }
        }
        Files.writeString(
                list.resolve("tokenizer_config.json"),
                "{\"chat_template\": [{\"name\": \"a\", \"template\": \"\"}, {\"name\": \"b\", \"template\": \"\"}]}");
        try (Tokenizer own = Tokenizer.load(list)) {
            assertThatThrownBy(own::chatTemplate)
                    .hasMessageContaining("several chat templates, [a, b], and none is named");
        }
    }
}
