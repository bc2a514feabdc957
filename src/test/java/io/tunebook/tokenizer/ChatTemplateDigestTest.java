package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Sha256;
import io.tunebook.jinja.TemplateException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/**
 * All chat templates that llama-cpp-python's source package, TRL and Axolotl carry, and some of Xinference and of
 * Ollama's library: each text has the digest of what Transformers renders, and the labelled tokens, decoded, are the
 * answers. What is refused instead stands by name, with its reason, in chat_template_refusals.json. The golden file
 * comes from bench/reference/chat_template_digests.py; the environment variable TUNEBOOK_CHAT_TEMPLATES names the
 * folder with the templates, which environment/chat_templates.py fetches.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ChatTemplateDigestTest {
    private JsonNode golden;
    private JsonNode refusals;
    private Tokenizer tokenizer;

    @BeforeAll
    void open() throws IOException {
        try (InputStream in = new GZIPInputStream(
                ChatTemplateDigestTest.class.getResourceAsStream("chat_template_digests.json.gz"))) {
            golden = new ObjectMapper().readTree(in);
        }
        try (InputStream in = ChatTemplateDigestTest.class.getResourceAsStream("chat_template_refusals.json")) {
            refusals = new ObjectMapper().readTree(in);
        }
        tokenizer = Tokenizer.load(TokenizerGoldenTest.defaultModel());
    }

    @AfterAll
    void close() {
        tokenizer.close();
    }

    private static Path folder() {
        String folder = System.getenv("TUNEBOOK_CHAT_TEMPLATES");
        assumeTrue(folder != null, "TUNEBOOK_CHAT_TEMPLATES names no folder with chat templates");
        return Path.of(folder);
    }

    @TestFactory
    List<DynamicTest> textsAreThoseOfTransformers() {
        return each((template, source, cases) -> {
            Map<String, String> wrong = new TreeMap<>();
            ChatTemplate chat = new ChatTemplate(tokenizer, source);
            cases.properties().forEach(expected -> {
                String name = expected.getKey();
                boolean prompt = name.endsWith(", prompt");
                Map<String, Object> variables = variables(prompt ? name.substring(0, name.length() - 8) : name);
                variables.put("add_generation_prompt", prompt);
                String found;
                try {
                    found = Sha256.hex(chat.render(variables));
                } catch (TemplateException e) {
                    found = e.getMessage();
                }
                boolean refused = expected.getValue().has("error");
                boolean equal = refused
                        ? !found.matches("[0-9a-f]{64}")
                        : found.startsWith(expected.getValue().asText());
                if (!equal) {
                    wrong.put(name, "expected " + expected.getValue() + ", found " + found);
                }
            });
            assertThat(wrong).as(template).isEmpty();
        });
    }

    /** By a second way: the labelled tokens, decoded, hold each answer, and nothing that others say. */
    @TestFactory
    List<DynamicTest> labelledTokensAreTheAnswers() {
        return each((template, source, cases) -> {
            ChatTemplate chat = new ChatTemplate(tokenizer, source);
            Map<String, String> wrong = new TreeMap<>();
            List<String> refused = new ArrayList<>();
            for (String name : answered()) {
                if (cases.get(name).has("error")) {
                    continue; // by the template itself
                }
                Map<String, Object> variables = variables(name);
                try {
                    ChatTemplate.Encoded found = chat.encode(variables);
                    String complaint = complaint(found, (List<?>) variables.get("messages"));
                    if (complaint != null) {
                        wrong.put(name, complaint);
                    }
                } catch (TemplateException e) {
                    refused.add(name);
                    assertThat(e).hasMessageContaining("the template does not write the answer of message");
                    // That it leaves an answer out is seen by its text.
                    variables.put("tools", null);
                    if (writesAll(chat, variables) && !listed(template).contains(name)) {
                        wrong.put(name, e.getMessage());
                    }
                }
            }
            assertThat(wrong).as(template).isEmpty();
            assertThat(refused).as("refused of " + template).isEqualTo(listed(template));
        });
    }

    /** The list names the templates that there are, each with a reason. */
    @Test
    void theListOfRefusalsHasReasons() {
        refusals.properties().forEach(template -> {
            assertThat(golden.get("templates").has(template.getKey()))
                    .as(template.getKey())
                    .isTrue();
            assertThat(template.getValue().path("reason").asText()).hasSizeGreaterThan(20);
            assertThat(listed(template.getKey())).isNotEmpty();
        });
    }

    private List<String> listed(String template) {
        List<String> names = new ArrayList<>();
        refusals.path(template).path("conversations").forEach(name -> names.add(name.asText()));
        return names;
    }

    /** The conversations in which the assistant says something. */
    private List<String> answered() {
        List<String> names = new ArrayList<>();
        golden.get("conversations").properties().forEach(conversation -> {
            for (JsonNode message : conversation.getValue().get("messages")) {
                if (message.path("role").asText().equals("assistant")) {
                    names.add(conversation.getKey());
                    return;
                }
            }
        });
        assertThat(names).hasSizeGreaterThan(15);
        return names;
    }

    private static boolean writesAll(ChatTemplate chat, Map<String, Object> variables) {
        String text;
        try {
            text = AnswerSpans.dense(chat.render(variables));
        } catch (TemplateException e) {
            return false; // it wants tools
        }
        int at = 0;
        for (String answer : answers((List<?>) variables.get("messages"))) {
            at = text.indexOf(AnswerSpans.dense(answer), at) + 1;
            if (at == 0) {
                return false;
            }
        }
        return true;
    }

    private static List<String> answers(List<?> messages) {
        List<String> answers = new ArrayList<>();
        for (Object message : messages) {
            ChatTurn turn = ChatTurn.of((Map<?, ?>) message);
            if (turn.assistant()) {
                answers.add(turn.answer());
                answers.addAll(turn.calls());
            }
        }
        return answers;
    }

    private String complaint(ChatTemplate.Encoded found, List<?> messages) {
        StringBuilder labelled = new StringBuilder();
        StringBuilder others = new StringBuilder();
        for (int t = 0; t < found.ids().length; ) {
            int from = t;
            boolean said = found.assistant()[t];
            while (t < found.ids().length && found.assistant()[t] == said) {
                t++;
            }
            (said ? labelled : others)
                    .append(AnswerSpans.dense(tokenizer.decode(Arrays.copyOfRange(found.ids(), from, t), false)))
                    .append('|');
        }
        int at = 0;
        for (String answer : answers(messages)) {
            int next = labelled.indexOf(AnswerSpans.dense(answer), at);
            if (next < 0) {
                return "not labelled: " + answer + " in " + labelled;
            }
            at = next + AnswerSpans.dense(answer).length();
        }
        for (Object message : messages) {
            ChatTurn turn = ChatTurn.of((Map<?, ?>) message);
            String said = AnswerSpans.dense(turn.answer());
            if (!turn.assistant() && !said.isEmpty() && labelled.indexOf(said) >= 0) {
                return "labelled: " + said + " in " + labelled;
            }
        }
        ChatTurn end = ChatTurn.of((Map<?, ?>) messages.get(messages.size() - 1));
        String last = AnswerSpans.dense(end.answer());
        return end.assistant() && others.indexOf(last) >= 0 ? "not only labelled: " + last : null;
    }

    private interface Check {
        void accept(String template, String source, JsonNode cases) throws IOException;
    }

    private List<DynamicTest> each(Check check) {
        Path folder = folder();
        List<DynamicTest> tests = new ArrayList<>();
        golden.get("templates")
                .properties()
                .forEach(template -> tests.add(DynamicTest.dynamicTest(template.getKey(), () -> {
                    Path file = folder.resolve(template.getKey());
                    assumeTrue(
                            Files.exists(file) || !template.getKey().startsWith("ollama_"),
                            "npm's registry did not answer when the templates were fetched");
                    String source = Files.readString(file);
                    assertThat(Sha256.hex(source))
                            .as("the template that the golden file was made with")
                            .isEqualTo(template.getValue().get("sha256").asText());
                    check.accept(
                            template.getKey(),
                            source.replaceAll("strftime_now\\([^)]*\\)", "'24 Nov 2026'"),
                            template.getValue().get("cases"));
                })));
        assertThat(tests).hasSizeGreaterThanOrEqualTo(178);
        return tests;
    }

    private Map<String, Object> variables(String conversation) {
        JsonNode node = golden.get("conversations").get(conversation);
        Map<String, Object> variables = new LinkedHashMap<>();
        golden.get("tokens")
                .properties()
                .forEach(t -> variables.put(t.getKey(), t.getValue().asText()));
        variables.put("documents", null);
        variables.put("tools", null);
        variables.put("date_string", "24 Nov 2026");
        node.get("variables")
                .properties()
                .forEach(v -> variables.put(v.getKey(), ChatTemplateGoldenTest.value(v.getValue())));
        variables.put("messages", ChatTemplateGoldenTest.value(node.get("messages")));
        return variables;
    }
}
