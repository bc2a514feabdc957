package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.ChatRendering.ProbeChat;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.server.EmbeddedOllama;
import io.tunebook.ollama.template.GoTemplate;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a real Ollama 0.34.1 rendered for small models that were exported to it as a person would do it: the text that
 * the training wrote. The golden file comes from bench/reference/ollama_served.py.
 */
final class ServedRenderingsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonNode FAMILIES = golden("ollama_templates.json.gz").get("families");
    private static final JsonNode SERVED = golden("ollama_served.json.gz");

    /** Some templates write the day; the training's text has that of the training, the server's that of the export. */
    private static final String DAY = "\\d\\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20\\d\\d";

    /**
     * llama.cpp of this server cannot read its chat template, and ends while it loads the model, with whatever template
     * in Go's syntax.
     */
    private static final String NOT_LOADED = "mistral-nemo";

    @TempDir
    Path folder;

    /** The text of the training is that of Transformers, which made its own of the same conversations. */
    @TestFactory
    Stream<DynamicTest> aRealServerRendersWhatTheModelWasTrainedOn() {
        return families(family -> {
            ChatRendering jinja = OllamaTemplateRequests.rendering(jinja(family));
            OllamaTemplate made = OllamaTemplate.of(jinja, List.of());
            assertThat(day(family.get("template").asText()))
                    .as("the template that was exported; make the golden file anew")
                    .isEqualTo(day(made.template().orElseThrow()));
            boolean own = made.own();
            assertThat(own).isEqualTo(!family.get("selected").asText().equals("go_template"));
            boolean thinks = StreamSupport.stream(family.get("chats").spliterator(), false)
                    .anyMatch(one -> one.get("chat").asText().equals("thinking wanted") && one.has("text"));
            boolean unasked = false;
            List<String> differ = new ArrayList<>();
            List<String> told = new ArrayList<>();
            for (JsonNode one : family.get("chats")) {
                ProbeChat chat = chat(one);
                String transformers =
                        withoutBos(family, one.path("transformers").asText());
                assertThat(day(jinja.prompt(chat).orElse(""))).as(chat.name()).isEqualTo(day(transformers));
                if (NOT_LOADED.equals(family.get("family").asText()) && !one.has("text")) {
                    assertThat(one.get("error").asText()).containsAnyOf("selectattr", "does not support thinking");
                    continue;
                }
                // A model that can think is asked to where a client says nothing.
                Boolean think = chat.think() == null && thinks ? Boolean.TRUE : chat.think();
                String trained =
                        jinja.render(chat.messages(), true, chat.tools(), think).orElse("");
                if (trained.isEmpty() || !one.has("text")) {
                    assertThat(chat.plain() && !trained.isEmpty()).isFalse();
                    continue; // refused by the model's own template, or by the server, which knows no tools or thoughts
                    // of it
                }
                if (chat.plain()) {
                    assertThat(served(family, one)).as(chat.name()).isEqualTo(day(trained));
                    unasked |= !day(trained).equals(day(transformers));
                } else if (!served(family, one).equals(day(trained))) {
                    differ.add(chat.name());
                }
                made.differences().stream()
                        .filter(d -> d.conversation().equals(chat.name()))
                        .forEach(d -> told.add(d.conversation()));
            }
            // What the export tells before sending is what really differs; where the server takes the file's own
            // template, nothing does.
            assertThat(differ).isEqualTo(own ? List.of() : told);
            // so does what it tells of thoughts that nobody asked for
            assertThat(made.thinksUnasked()).isEqualTo(unasked);
        });
    }

    /** Our renderer of Go's templates writes what the server wrote. */
    @TestFactory
    Stream<DynamicTest> theTemplatesAreRenderedHereAsThere() {
        return families(family -> {
            for (JsonNode one : family.get("chats")) {
                if (one.has("text") && family.get("selected").asText().equals("go_template")) {
                    String ours = chat(one)
                            .forOllama("")
                            .render(GoTemplate.parse(family.get("template").asText()));
                    assertThat(day(ours))
                            .as(one.get("chat").asText())
                            .isEqualTo(day(one.get("text").asText()));
                }
            }
        });
    }

    /**
     * The embedded server gives the same texts and refusals: by the exported template, and by the file's own where that
     * can do more.
     */
    @Test
    void theEmbeddedServerRendersAsTheRealOne() throws Exception {
        Path model = defaultModel();
        for (String name : List.of("qwen3", "llama3.1")) {
            JsonNode family = StreamSupport.stream(SERVED.get("families").spliterator(), false)
                    .filter(f -> f.get("family").asText().equals(name))
                    .findFirst()
                    .orElseThrow();
            Path gguf = folder.resolve(name + ".gguf");
            ServedRenderings.write(jinja(family), model, gguf);
            try (EmbeddedOllama server = EmbeddedOllama.start(gguf, "bare")) {
                Ollama ollama = Ollama.connect(server.url());
                // a built-in template is near Llama's, and does less
                assertThat(server).asString().doesNotContain("prompts by");
                assertThat(ollama.show("bare").template())
                        .isEqualTo(family.get("found").asText());
                OllamaExport.create(ollama, name, gguf);
                for (JsonNode one : family.get("chats")) {
                    ObjectNode request = ServedRenderings.request(name, chat(one));
                    var answer = ServedRenderings.ask(server.url(), request);
                    JsonNode said = JSON.readTree(answer.body());
                    assertThat(answer.statusCode())
                            .as(answer.body())
                            .isEqualTo(one.get("status").asInt());
                    assertThat(said.path("error").asText())
                            .isEqualTo(one.path("error").asText());
                    assertThat(day(said.at("/_debug_info/rendered_template").asText()))
                            .as(name + ": " + one.get("chat").asText())
                            .isEqualTo(served(family, one));
                }
            }
        }
    }

    /**
     * A model that calls a tool: the same answers from the embedded server as from the real one, and our client calls
     * it.
     */
    @Test
    void callsOfToolsAreReadAsByTheRealServer() throws Exception {
        JsonNode real = SERVED.get("calls");
        assertThat(real.at("/whole/message/tool_calls/0/function/arguments/city")
                        .asText())
                .isEqualTo("Paris");
        try (EmbeddedOllama server = EmbeddedOllama.start(defaultModel(), "smollm2")) {
            Ollama ollama = Ollama.connect(server.url());
            ollama.create("caller", ServedRenderings.caller(Map.of("from", "smollm2")), status -> {});
            assertThat(ollama.show("caller").capabilities()).contains("tools");
            JsonNode ours = ServedRenderings.calls(ollama);
            assertThat(message(ours.get("whole"))).isEqualTo(message(real.get("whole")));
            assertThat(calling(ours.get("stream"))).isEqualTo(calling(real.get("stream")));
            assertThat(ours.get("called")).isEqualTo(real.get("called"));
            assertThat(ours.get("said").asText())
                    .contains("18")
                    .isEqualTo(real.get("said").asText());
        }
    }

    /** Without the calls' names of their own, which are drawn. */
    private static JsonNode message(JsonNode answer) {
        ObjectNode message = answer.get("message").deepCopy();
        for (JsonNode call : message.path("tool_calls")) {
            assertThat(call.path("id").asText()).startsWith("call_").hasSize(13);
            ((ObjectNode) call).remove("id");
        }
        return message;
    }

    private static List<JsonNode> calling(JsonNode stream) {
        List<JsonNode> all = new ArrayList<>();
        stream.forEach(line -> {
            JsonNode message = message(line);
            if (message.has("tool_calls")) {
                all.add(message);
            }
        });
        return all;
    }

    /** What {@code ollama show} lists for an export of the default model. */
    @Test
    void theStopWordsAreTheEndOfAnAnswerAndTheBeginningOfTheNextTurn() throws Exception {
        assertThat(OllamaTemplate.of(defaultModel()).stops()).containsExactly("<|im_end|>", "<|im_start|>");
    }

    private interface Check {
        void of(JsonNode family) throws Exception;
    }

    private static Stream<DynamicTest> families(Check check) {
        assertThat(SERVED.get("version").asText()).isEqualTo("0.34.1");
        assertThat(SERVED.get("families")).hasSameSizeAs(FAMILIES);
        return SERVED.get("families")
                .valueStream()
                .map(family -> DynamicTest.dynamicTest(family.get("family").asText(), () -> check.of(family)));
    }

    private static JsonNode jinja(JsonNode served) {
        return StreamSupport.stream(FAMILIES.spliterator(), false)
                .filter(f -> f.get("name").equals(served.get("family")))
                .findFirst()
                .orElseThrow();
    }

    private static ProbeChat chat(JsonNode one) {
        return ProbeChat.all().stream()
                .filter(c -> c.name().equals(one.get("chat").asText()))
                .findFirst()
                .orElseThrow();
    }

    /**
     * A server that renders by the file's own template writes the first token itself; before all other texts it is
     * added later.
     */
    private static String served(JsonNode family, JsonNode one) {
        return day(withoutBos(family, one.path("text").asText()));
    }

    private static String withoutBos(JsonNode family, String text) {
        String bos = jinja(family).get("bos").asText();
        return !bos.isEmpty() && text.startsWith(bos) ? text.substring(bos.length()) : text;
    }

    private static String day(String text) {
        return text.replaceAll(DAY, "26 Jul 2024");
    }

    private static Path defaultModel() {
        String model = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(model != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        return Path.of(model);
    }

    private static JsonNode golden(String name) {
        try (InputStream in = ServedRenderingsTest.class.getResourceAsStream(name)) {
            return JSON.readTree(new GZIPInputStream(in));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
