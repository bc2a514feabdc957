package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.export.ChatRendering.ProbeChat;
import io.tunebook.export.Modelfile.ExportSettings;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.ollama.template.OllamaPrompt;
import io.tunebook.ollama.template.TemplateTags;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The templates that are derived for models' chat templates, rendered by Ollama's own code and by ours. The golden file
 * comes from bench/reference/ollama_templates.py.
 */
final class OllamaTemplateTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonNode GOLDEN = golden();

    /** What a real server renders is what the model was trained on. */
    @TestFactory
    Stream<DynamicTest> ollamaRendersWhatTheModelWasTrainedOn() {
        return GOLDEN.get("families")
                .valueStream()
                .map(family -> DynamicTest.dynamicTest(family.get("name").asText(), () -> {
                    String name = family.get("name").asText();
                    ChatRendering jinja = OllamaTemplateRequests.rendering(family);
                    OllamaTemplate made = OllamaTemplate.of(jinja, List.of());
                    List<String> differ = new ArrayList<>();
                    for (JsonNode one : GOLDEN.get("cases")) {
                        if (!one.path("family").asText().equals(name)) {
                            continue;
                        }
                        assertThat(made.template()).contains(one.get("template").asText());
                        ProbeChat chat = ProbeChat.all().stream()
                                .filter(c -> c.name().equals(one.get("chat").asText()))
                                .findFirst()
                                .orElseThrow();
                        String trained = jinja.prompt(chat).orElseThrow();
                        if (chat.plain()) {
                            assertThat(one.get("text").asText()).as(chat.name()).isEqualTo(trained);
                        } else if (!one.path("text").asText().equals(trained)) {
                            differ.add(chat.name());
                        }
                    }
                    assertThat(made.agrees()).isTrue();
                    // What the export tells before sending is what really differs.
                    assertThat(made.differences().stream()
                                    .map(OllamaTemplate.Difference::conversation)
                                    .toList())
                            .isEqualTo(differ);
                }));
    }

    /** Our renderer writes what Ollama's writes, with these templates and with ones that try the language. */
    @TestFactory
    Stream<DynamicTest> templatesAreRenderedAsOllamaRendersThem() {
        return GOLDEN.get("cases")
                .valueStream()
                .map(one -> DynamicTest.dynamicTest(
                        one.path("family").asText() + " "
                                + one.path("chat").asText(one.get("template").asText()),
                        () -> {
                            if (one.has("error")) {
                                assertThatThrownBy(() -> render(one))
                                        .as(one.get("error").asText())
                                        .isInstanceOf(GoTemplateException.class);
                            } else {
                                assertThat(render(one))
                                        .isEqualTo(one.get("text").asText());
                            }
                        }));
    }

    private static String render(JsonNode one) {
        List<ChatMessage> messages = JSON.convertValue(
                one.get("messages"), JSON.getTypeFactory().constructCollectionType(List.class, ChatMessage.class));
        @SuppressWarnings("unchecked")
        List<Map<String, Object>> tools = JSON.convertValue(one.path("tools"), List.class);
        JsonNode think = one.path("think");
        return new OllamaPrompt(
                        messages, tools == null ? List.of() : tools, think.isBoolean() ? think.asBoolean() : null, "")
                .render(GoTemplate.parse(one.get("template").asText()));
    }

    /** A template that writes each turn's number keeps no plan of ours. */
    @Test
    void aTemplateThatCannotBeDerivedStopsTheExportAndNamesTheConversations() {
        String jinja = "{% for m in messages %}{{ loop.index }} {{ m.role }}: {{ m.content }}\n{% endfor %}"
                + "{% if add_generation_prompt %}{{ messages | length + 1 }} assistant: {% endif %}";
        OllamaTemplate made = OllamaTemplate.of(
                OllamaTemplateRequests.rendering(JSON.createObjectNode()
                        .put("jinja", jinja)
                        .put("bos", "")
                        .put("eos", "")),
                List.of());
        assertThat(made.agrees()).isFalse();
        assertThatThrownBy(made::require)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("several turns")
                .hasMessageContaining("1 user: Who are you?")
                .hasMessageContaining("anyway()");
        made.anyway().require();
    }

    /**
     * The words of a template that numbers its prompts cannot be put into one of Go's, but its system prompt can be
     * told.
     */
    @Test
    void whereNoTemplateIsDerivedTheDefaultSystemPromptIsSent() {
        String jinja = "{% set t = namespace(n=0) %}{% if messages[0].role != 'system' %}system: Be kind.\n{% endif %}"
                + "{% for m in messages %}{% if m.role == 'user' %}{% set t.n = t.n + 1 %}{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
                + "{% if add_generation_prompt %}assistant {{ t.n }}: {% endif %}";
        OllamaTemplate made = OllamaTemplate.of(
                OllamaTemplateRequests.rendering(JSON.createObjectNode()
                        .put("jinja", jinja)
                        .put("bos", "")
                        .put("eos", "")),
                List.of("<end>"));
        assertThat(made.template()).isEmpty();
        assertThat(made.system()).contains("Be kind.");
        assertThatThrownBy(made::require)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the template that the server finds");
        assertThat(new ExportSettings(made.anyway(), Optional.empty()).forCreate())
                .containsOnly(
                        Map.entry("system", "Be kind."), Map.entry("parameters", Map.of("stop", List.of("<end>"))));
    }

    /** Conversations with tools stop no export, since few are trained on them; they are named. */
    @Test
    void conversationsThatDifferAreNamedBeforeTheExport() {
        Map<String, String> told = Map.of(
                "llama3.1",
                        "tools, tools under a system prompt, a tool's answer, two tools' answers, thoughts before a call",
                "deepseek-r1", "a second system prompt",
                "smollm2", "", // it knows no tools
                "qwen3", "", // white space alone
                "gemma3", "");
        for (JsonNode family : GOLDEN.get("families")) {
            String expected = told.get(family.get("name").asText());
            if (expected != null) {
                OllamaTemplate made = OllamaTemplate.of(OllamaTemplateRequests.rendering(family), List.of());
                String warning = warning(made);
                if (expected.isEmpty()) {
                    assertThat(warning).as(family.get("name").asText()).isEmpty();
                } else {
                    assertThat(warning).contains("Warning: Ollama would render", ": " + expected, "anyway()");
                    assertThat(warning).contains("(0.34.1 and newer take the file's own template for this model");
                }
                assertThat(warning(made.anyway())).isEmpty();
            }
        }
    }

    /**
     * A server opens a thought for DeepSeek-R1 where nobody asked for one; the chat template, and so the training,
     * closes it at once.
     */
    @Test
    void aModelThatAServerLetsThinkUnaskedIsNamed() {
        List<String> named = new ArrayList<>();
        for (JsonNode family : GOLDEN.get("families")) {
            ChatRendering jinja = OllamaTemplateRequests.rendering(family);
            OllamaTemplate made = OllamaTemplate.of(jinja, List.of());
            String words = "let this model think first where a request does not say whether to";
            assertThat(made.toString().contains(words)).isEqualTo(made.thinksUnasked());
            assertThat(warning(made).contains(words)).isEqualTo(made.thinksUnasked());
            assertThat(warning(made.anyway())).isEmpty();
            if (made.thinksUnasked()) {
                named.add(family.get("name").asText());
                assertThat(made.toString()).endsWith("\"think\": false asks as the template does");
                assertThat(warning(made)).contains("ChatRequest.think(false)", "--think=false");
                // what is advised is the training's text
                assertThat(jinja.render(List.of(ProbeChat.USER), true, List.of(), false))
                        .isEqualTo(jinja.render(List.of(ProbeChat.USER), true))
                        .isNotEqualTo(jinja.render(List.of(ProbeChat.USER), true, List.of(), true));
            }
        }
        assertThat(named).containsExactly("deepseek-r1");
    }

    /** A server finds how calls begin in the template; where it finds nothing, calls come to the client as text. */
    @Test
    void aServerFindsHowCallsOfToolsBegin() {
        for (JsonNode family : GOLDEN.get("families")) {
            if (List.of("qwen2.5", "qwen3").contains(family.get("name").asText())) {
                String template = OllamaTemplate.of(OllamaTemplateRequests.rendering(family), List.of())
                        .template()
                        .orElseThrow();
                assertThat(TemplateTags.of(GoTemplate.parse(template)).tool()).isEqualTo("<tool_call>");
            }
        }
    }

    private static String warning(OllamaTemplate made) {
        PrintStream before = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            made.require();
        } finally {
            System.setErr(before);
        }
        return said.toString(StandardCharsets.UTF_8);
    }

    /** Where there is no template of ours, the server's own gets the system prompt that the model was trained under. */
    @Test
    void theDefaultSystemPromptIsFound() {
        for (JsonNode family : GOLDEN.get("families")) {
            String expected =
                    switch (family.get("name").asText()) {
                        case "smollm2" -> "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
                        case "qwen2.5" -> "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
                        default -> "";
                    };
            assertThat(TemplateDerivation.defaultSystem(OllamaTemplateRequests.rendering(family)))
                    .as(family.get("name").asText())
                    .isEqualTo(expected);
        }
    }

    @Test
    void aModelWithoutAChatTemplateHasNothingToCompare() {
        OllamaTemplate none =
                new OllamaTemplate(Optional.empty(), Optional.empty(), List.of(), List.of(), false, false, false);
        none.require();
        assertThat(none).hasToString("the model has no chat template");
    }

    private static JsonNode golden() {
        try (InputStream in = OllamaTemplateTest.class.getResourceAsStream("ollama_templates.json.gz")) {
            return JSON.readTree(new GZIPInputStream(in));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
