package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.AdapterGguf;
import io.tunebook.model.Weights;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.ChatRequest;
import io.tunebook.ollama.ChatResponse;
import io.tunebook.ollama.ChatStream;
import io.tunebook.ollama.GenerateRequest;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.OllamaException;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With our client and with the official ones, on the default model. */
class EmbeddedOllamaTest {
    private static final ChatRequest CAPITAL = ChatRequest.of(
                    "smollm2", ChatMessage.user("What is the capital of France? Answer in one word."))
            .option("temperature", 0)
            .option("num_predict", 16);

    /** Few enough that an answer cannot run on. */
    private enum Name {
        PARIS,
        ROME
    }

    private static Path model;
    private static EmbeddedOllama server;
    private static Ollama ollama;

    @BeforeAll
    static void start() throws IOException {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        model = Path.of(path);
        server = EmbeddedOllama.start(model, "smollm2");
        ollama = Ollama.connect(server.url());
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @Test
    void chats() throws Exception {
        List<String> pieces = new ArrayList<>();
        ChatResponse response = ollama.chat(CAPITAL.option("num_predict", 64), p -> pieces.add(p.text()));
        assertThat(response.text()).contains("Paris");
        assertThat(pieces.size()).isGreaterThan(1);
        assertThat(response.promptTokens()).isGreaterThan(10);
        assertThat(response.tokens()).isBetween(1, 64);
        assertThat(response.doneReason()).isEqualTo("stop");
        assertThat(ollama.chat(CAPITAL.option("num_predict", 1)).doneReason()).isEqualTo("length");
    }

    @Test
    void obeysStopFormatAndSeed() throws Exception {
        record City(Name name, boolean capital) {}
        assertThat(ollama.chat(CAPITAL.option("stop", List.of("ris"))).text())
                .contains("Pa")
                .doesNotContain("ris");
        assertThat(ollama.chat(CAPITAL.format(City.class).option("num_predict", 64))
                        .as(City.class)
                        .name())
                .isNotNull();
        ChatRequest warm = CAPITAL.option("temperature", 1.5).option("seed", 7).option("num_predict", 24);
        assertThat(ollama.chat(warm).text()).isEqualTo(ollama.chat(warm).text());
    }

    @Test
    void tellsAboutItsModels() throws Exception {
        assertThat(ollama.list()).extracting(Ollama.Model::name).contains("smollm2:latest");
        Ollama.Info info = ollama.show("smollm2");
        assertThat(info.capabilities()).containsExactly("completion");
        assertThat(info.modelInfo())
                .containsEntry("general.architecture", "llama")
                .containsEntry("llama.block_count", 30);
        assertThatThrownBy(() -> ollama.show("absent"))
                .isInstanceOf(OllamaException.ModelNotFound.class)
                .hasMessageContaining("model 'absent:latest' not found");
        assertThatThrownBy(() -> ollama.chat(CAPITAL.think(true))).hasMessageContaining("does not support thinking");
    }

    @Test
    void copiesCreatesAndDeletes(@TempDir Path folder) throws Exception {
        Path other = Files.copy(model, folder.resolve("other.gguf"));
        String digest = ollama.uploadBlob(other, n -> {});
        ollama.create(
                "duck",
                Map.of(
                        "files",
                        Map.of("other.gguf", digest),
                        "system",
                        "You are a duck.",
                        "parameters",
                        Map.of("num_predict", 3)),
                s -> {});
        assertThat(ollama.show("duck").system()).isEqualTo("You are a duck.");
        assertThat(ollama.generate("duck", "Hello").tokens()).isLessThanOrEqualTo(3);
        ollama.copy("duck", "goose");
        ollama.delete("duck");
        assertThat(ollama.list())
                .extracting(Ollama.Model::name)
                .contains("goose:latest")
                .doesNotContain("duck:latest");
        // A file that was sent stays as long as a model needs it.
        assertThat(ollama.hasBlob(digest)).isTrue();
        ollama.delete("goose");
        assertThat(ollama.hasBlob(digest)).isFalse();
        ollama.pull(other.toString());
        assertThat(ollama.list()).extracting(Ollama.Model::name).contains("other:latest");
    }

    @Test
    void embedsAndUnloads() throws Exception {
        float[][] vectors = ollama.embed("smollm2", List.of("a cat", "a cat", "quantum physics"));
        assertThat(vectors).hasDimensions(3, 576);
        assertThat(dot(vectors[0], vectors[1])).isGreaterThan(0.999);
        assertThat(dot(vectors[0], vectors[2])).isLessThan(0.999);
        ollama.chat(CAPITAL);
        assertThat(ollama.ps()).extracting(Ollama.RunningModel::name).contains("smollm2:latest");
        ollama.unload("smollm2");
        assertThat(ollama.ps()).extracting(Ollama.RunningModel::name).doesNotContain("smollm2:latest");
    }

    @Test
    void queuesAndSurvivesClientsThatLeave() throws Exception {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            answers.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return ollama.chat(CAPITAL).text();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }));
        }
        try (ChatStream stream =
                ollama.stream(CAPITAL.option("num_predict", 4000).option("temperature", 2))) {
            stream.iterator().next();
        }
        for (CompletableFuture<String> answer : answers) {
            assertThat(answer.get(60, TimeUnit.SECONDS)).contains("Paris");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            nullValues = "-",
            value = {
                "GET    | /                   | -                                              | 200 | Ollama is running",
                "GET    | /api/nothing        | -                                              | 404 | 404 page not found",
                "GET    | /api/chat           | -                                              | 405 | 405 method not allowed",
                "POST   | /api/chat           | -                                              | 400 | {\"error\":\"missing request body\"}",
                "POST   | /api/chat           | {}                                             | 400 | {\"error\":\"model is required\"}",
                "POST   | /api/show           | {}                                             | 400 | {\"error\":\"model is required\"}",
                "POST   | /api/chat           | {\"model\":\"a\"}                               | 404 | {\"error\":\"model 'a' not found\"}",
                "POST   | /api/generate       | {\"model\":\"../a\"}                            | 400 | {\"error\":\"invalid model name\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"think\":true}           | 400 | {\"error\":\"\\\"smollm2\\\" does not support thinking\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"tools\":[{}]}           | 400 | {\"error\":\"registry.ollama.ai/library/smollm2:latest does not support tools\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"keep_alive\":\"soon\"}  | 400 | {\"error\":\"time: invalid duration \\\"soon\\\"\"}",
                "POST   | /api/generate       | {\"model\":\"smollm2\",\"prompt\":\"a\",\"raw\":true,\"system\":\"b\"} | 400 | {\"error\":\"raw mode does not support template, system, or context\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"messages\":[{}],\"format\":\"xml\"} | 500 | {\"error\":\"invalid format: \\\"\\\\\\\"xml\\\\\\\"\\\"; expected \\\"json\\\" or a valid JSON Schema object\"}",
                "POST   | /api/embed          | {\"model\":\"smollm2\",\"input\":[1]}            | 400 | {\"error\":\"invalid input type\"}",
                "POST   | /api/copy           | {\"source\":\"a\",\"destination\":\"b\"}         | 404 | {\"error\":\"model \\\"a\\\" not found\"}",
                "POST   | /api/copy           | {\"source\":\"smollm2\",\"destination\":\"../b\"} | 400 | {\"error\":\"destination \\\"../b\\\" is invalid\"}",
                "DELETE | /api/delete         | {\"model\":\"a\"}                               | 404 | {\"error\":\"model 'a' not found\"}",
                "POST   | /api/create         | {\"model\":\"b\"}                               | 400 | {\"error\":\"neither 'from' or 'files' was specified\"}",
                "POST   | /api/create         | {\"model\":\"b\",\"files\":{}}                  | 400 | {\"error\":\"unknown type\"}",
                "POST   | /api/create         | {\"model\":\"b\",\"files\":{\"/a\":\"sha256:1\"}} | 400 | {\"error\":\"file path must be relative: /a\"}",
                "POST   | /api/create         | {\"model\":\"b\",\"files\":{\"a\":\"\"}}         | 400 | {\"error\":\"invalid digest format\"}",
                "POST   | /api/create         | {\"model\":\"../b\",\"from\":\"smollm2\"}        | 400 | {\"error\":\"invalid model name\"}",
                "POST   | /api/create         | {\"model\":\"b\",\"from\":\"smollm2\",\"quantize\":\"q4_0\"} | 400 | {\"error\":\"create-time quantization is only supported for safetensors imports; quantize GGUF models with llama.cpp tools before importing\"}",
                "POST   | /api/generate       | {\"model\":\"smollm2\",\"prompt\":\"a\",\"suffix\":\"b\"} | 400 | {\"error\":\"registry.ollama.ai/library/smollm2:latest does not support insert\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"messages\":[{\"role\":\"user\",\"images\":[\"AQID\"]}]} | 400 | {\"error\":\"{\\\"error\\\":{\\\"code\\\":400,\\\"message\\\":\\\"Multimodal data provided, but model does not support multimodal requests.\\\",\\\"type\\\":\\\"invalid_request_error\\\"}}\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"think\":\"hard\"}       | 400 | {\"error\":\"invalid think value: \\\"hard\\\" (must be \\\"high\\\", \\\"medium\\\", \\\"low\\\", \\\"max\\\", true, or false)\"}",
                "POST   | /api/chat           | {\"model\":\"smollm2\",\"top_logprobs\":21}      | 400 | {\"error\":\"top_logprobs must be between 0 and 20\"}",
                "POST   | /api/blobs/sha256:1 | x                                              | 400 | {\"error\":\"invalid digest format\"}"
            })
    void answersInOllamasWords(String method, String path, String body, int status, String words) throws Exception {
        HttpResponse<String> answer = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create(server.url() + path))
                                .method(
                                        method,
                                        body == null
                                                ? HttpRequest.BodyPublishers.noBody()
                                                : HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(answer.body()).isEqualTo(words);
        assertThat(answer.statusCode()).isEqualTo(status);
    }

    /** Field by field what Ollama's own types have ({@code api/types.go}). */
    @Test
    void tellsAllThatOllamaTells() throws Exception {
        ollama.chat(CAPITAL);
        JsonNode tags = json("GET", "/api/tags", null).at("/models/0");
        assertThat(names(tags))
                .containsExactlyInAnyOrder("name", "model", "modified_at", "size", "digest", "details", "capabilities");
        assertThat(names(tags.get("details")))
                .contains("parent_model", "format", "family", "families", "parameter_size", "quantization_level");
        assertThat(names(json("GET", "/api/ps", null).at("/models/0")))
                .containsExactlyInAnyOrder(
                        "name", "model", "size", "digest", "details", "expires_at", "size_vram", "context_length");
        JsonNode show = json("POST", "/api/show", "{\"model\":\"smollm2\"}");
        assertThat(names(show))
                .containsExactlyInAnyOrder(
                        "modelfile", "template", "parameters", "details", "model_info", "capabilities", "modified_at");
        assertThat(show.at("/model_info/tokenizer.ggml.tokens")).isEmpty();
        JsonNode verbose = json("POST", "/api/show", "{\"model\":\"smollm2\",\"verbose\":true}");
        assertThat(verbose.at("/tensors/0").toString())
                .isEqualTo("{\"name\":\"token_embd.weight\",\"type\":\"Q8_0\",\"shape\":[576,49152]}");
        assertThat(verbose.at("/model_info/tokenizer.ggml.tokens")).hasSize(49152);
        JsonNode chat = json(
                "POST",
                "/api/chat",
                "{\"model\":\"smollm2\",\"stream\":false,\"options\":{\"num_predict\":2},\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
        assertThat(names(chat))
                .containsExactlyInAnyOrder(
                        "model",
                        "created_at",
                        "message",
                        "done",
                        "done_reason",
                        "total_duration",
                        "load_duration",
                        "prompt_eval_count",
                        "prompt_eval_cached_count",
                        "prompt_eval_duration",
                        "eval_count",
                        "eval_duration");
    }

    private static List<String> names(JsonNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    private static JsonNode json(String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + path))
                .method(
                        method,
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body))
                .build();
        return new ObjectMapper()
                .readTree(HttpClient.newHttpClient()
                        .send(request, HttpResponse.BodyHandlers.ofString())
                        .body());
    }

    /** The tokens that an answer ends with are a prompt's beginning; a model's own messages stand before every chat. */
    @Test
    void goesOnFromAnEarlierAnswer() throws Exception {
        String ask =
                "{\"model\":\"smollm2\",\"stream\":false,\"prompt\":\"%s\",\"options\":{\"temperature\":0,\"num_predict\":8}%s}";
        JsonNode first = json("POST", "/api/generate", ask.formatted("My cat is called Tofu.", ""));
        JsonNode second = json(
                "POST",
                "/api/generate",
                ask.formatted(
                        "What is my cat called?",
                        ",\"_debug_render_only\":true,\"context\":"
                                + first.get("context").toString()));
        assertThat(second.at("/_debug_info/rendered_template").asText())
                .contains("My cat is called Tofu.", first.get("response").asText(), "What is my cat called?");
        ollama.create(
                "primed",
                Map.of(
                        "from",
                        "smollm2",
                        "messages",
                        List.of(ChatMessage.user("I am Ada."), ChatMessage.assistant("Hello, Ada."))),
                s -> {});
        assertThat(json(
                                "POST",
                                "/api/chat",
                                "{\"model\":\"primed\",\"_debug_render_only\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Who am I?\"}]}")
                        .at("/_debug_info/rendered_template")
                        .asText())
                .containsSubsequence("I am Ada.", "Hello, Ada.", "Who am I?");
        assertThat(ollama.show("primed").modelfile()).contains("MESSAGE user I am Ada.");
        ollama.delete("primed");
    }

    /** Who asks first is answered first, and nobody is answered in the middle of another's answer. */
    @Test
    void answersInTheOrderOfAsking() throws Exception {
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        List<CompletableFuture<Void>> answers = new ArrayList<>();
        try (ChatStream first = ollama.stream(CAPITAL.option("num_predict", 400).option("temperature", 2))) {
            first.iterator().next();
            for (int i = 0; i < 5; i++) {
                int number = i;
                CountDownLatch begun = new CountDownLatch(1);
                answers.add(CompletableFuture.runAsync(
                        () -> {
                            begun.countDown();
                            try {
                                ollama.chat(CAPITAL.option("num_predict", 2), p -> {
                                    if (!order.contains(number)) {
                                        order.add(number);
                                    }
                                });
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        },
                        Executors.newSingleThreadExecutor()));
                begun.await();
                Thread.sleep(150); // it is in the queue by now
            }
        }
        for (CompletableFuture<Void> answer : answers) {
            answer.get(60, TimeUnit.SECONDS);
        }
        assertThat(order).containsExactly(0, 1, 2, 3, 4);
    }

    @Test
    void readsOtherOriginsAsOllamaDoes() {
        Pattern origins = LocalHttp.origins("https://lab.example, http://*.intern:*");
        assertThat("https://lab.example").matches(origins);
        assertThat("http://a.intern:8888").matches(origins);
        assertThat("http://localhost:1").matches(origins);
        assertThat("https://lab.example.evil").doesNotMatch(origins);
        assertThat("https://lab-example").doesNotMatch(origins);
        assertThat("https://lab.example").doesNotMatch(LocalHttp.origins(null));
    }

    @Test
    void refusesABlobOfAnotherDigest(@TempDir Path folder) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + "/api/blobs/sha256:" + "0".repeat(64)))
                .POST(HttpRequest.BodyPublishers.ofString("abc"))
                .build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(400);
        // SHA-256 of "abc": FIPS 180-4's first example.
        assertThat(answer.body())
                .contains("digest mismatch, expected \\\"sha256:000")
                .contains("got \\\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        Path broken = Files.writeString(folder.resolve("broken.gguf"), "GGML, not GGUF");
        String digest = ollama.uploadBlob(broken, n -> {});
        assertThatThrownBy(() -> ollama.create("broken", Map.of("files", Map.of("broken.gguf", digest)), s -> {}))
                .isInstanceOf(OllamaException.class)
                .hasMessageContaining("unsupported file type [71 71 77 76]");
    }

    @Test
    void makesPromptsByTheModelsTemplate() throws Exception {
        String body =
                "{\"model\":\"smollm2\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"_debug_render_only\":true}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + "/api/chat"))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        String answer = HttpClient.newHttpClient()
                .send(request, HttpResponse.BodyHandlers.ofString())
                .body();
        assertThat(new ObjectMapper()
                        .readTree(answer)
                        .at("/_debug_info/rendered_template")
                        .asText())
                .isEqualTo(
                        // Ollama's chatml, as a real server chooses it for this file.
                        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    }

    /** SmolLM2 does not think; a template that says so and a conversation that shows how make it. */
    @Test
    void tellsThoughtsFromTheAnswer(@TempDir Path folder) throws Exception {
        record City(Name name) {}
        Path file = folder.resolve("thinker.gguf");
        try (GgufFile from = GgufFile.open(model)) {
            GgufWriter writer = new GgufWriter();
            for (String key : from.metadata().keySet()) {
                if (!key.equals("tokenizer.chat_template")) {
                    writer.copy(from, key);
                }
            }
            writer.string(
                    "tokenizer.chat_template",
                    from.string("tokenizer.chat_template").orElseThrow() + "{# <think>"
                            + " far from Ollama's own".repeat(9) + " #}");
            from.tensors().forEach(t -> writer.tensor(from, t));
            writer.write(file, n -> {});
        }
        ollama.pull(file.toString());
        assertThat(ollama.show("thinker").capabilities()).contains("thinking");
        List<ChatMessage> messages = new ArrayList<>();
        for (String[] pair : new String[][] {{"Germany", "Berlin"}, {"Italy", "Rome"}, {"Spain", "Madrid"}}) {
            messages.add(ChatMessage.user("What is the capital of " + pair[0] + "?"));
            messages.add(ChatMessage.assistant(
                    "<think>\nThe user asks for the capital of " + pair[0] + ".\n</think>\n\n" + pair[1]));
        }
        messages.add(ChatMessage.user("What is the capital of France?"));
        ChatRequest request = ChatRequest.of("thinker", messages.toArray(ChatMessage[]::new))
                .option("temperature", 0)
                .option("num_predict", 48);
        ChatResponse both = ollama.chat(request);
        assertThat(both.thinking()).contains("France").doesNotContain("think>");
        assertThat(both.text()).isNotBlank().doesNotContain("think>");
        ChatResponse structured = ollama.chat(request.format(City.class));
        assertThat(structured.thinking()).isEqualTo(both.thinking());
        assertThat(structured.as(City.class).name()).isNotNull();
        assertThat(ollama.chat(request.think(false)).thinking()).isEmpty();
        // The same conversation as a prompt behind the model's own messages.
        List<ChatMessage> before = messages.subList(0, messages.size() - 1);
        ollama.create("thinker-messages", Map.of("from", "thinker", "messages", before), status -> {});
        GenerateRequest prompt = GenerateRequest.of("thinker-messages", "What is the capital of France?")
                .option("temperature", 0)
                .option("num_predict", 48);
        List<String> pieces = new ArrayList<>();
        ChatResponse generated = ollama.generate(prompt, piece -> pieces.add(piece.text()));
        assertThat(generated.thinking()).isEqualTo(both.thinking());
        assertThat(generated.text()).isEqualTo(both.text()).isEqualTo(String.join("", pieces));
        ollama.delete("thinker-messages");
        ollama.delete("thinker");
    }

    @Test
    void putsAnAdapterOnAModel(@TempDir Path folder) throws Exception {
        float[] a = new float[2 * 1536];
        float[] b = new float[576 * 2];
        for (int i = 0; i < a.length; i++) {
            a[i] = (float) Math.sin(i);
        }
        for (int i = 0; i < b.length; i++) {
            b[i] = (float) Math.cos(i);
        }
        String module = "model.layers.3.mlp.down_proj";
        Path file = folder.resolve("adapter.gguf");
        try (Weights weights = Weights.open(model)) {
            AdapterGguf.write(
                    weights.config(),
                    new AdapterFile(
                            new AdapterFile.Settings(
                                    2, 4, 0, List.of("down_proj"), false, false, "", Map.of(), Map.of(), ""),
                            Map.of(module, new AdapterFile.Factors(1536, 576, 2, a, b, new float[0]))),
                    file);
        }
        String digest = ollama.uploadBlob(file, n -> {});
        ollama.create("adapted", Map.of("from", "smollm2", "adapters", Map.of("adapter.gguf", digest)), s -> {});
        assertThat(ollama.chat(new ChatRequest(
                                "adapted", CAPITAL.messages(), CAPITAL.options(), null, null, List.of(), null))
                        .text())
                .isNotEqualTo(ollama.chat(CAPITAL).text());
        assertThat(ollama.show("adapted").modelfile()).contains("ADAPTER ");
        ollama.delete("adapted");
    }

    @Test
    void unloadsAfterKeepAlive() throws Exception {
        ollama.copy("smollm2", "brief");
        ChatRequest request =
                new ChatRequest("brief", CAPITAL.messages(), CAPITAL.options(), null, null, List.of(), "1s");
        ollama.chat(request);
        assertThat(ollama.ps()).extracting(Ollama.RunningModel::name).contains("brief:latest");
        Instant end = Instant.now().plusSeconds(20);
        while (ollama.ps().stream().anyMatch(m -> m.name().equals("brief:latest"))) {
            assertThat(Instant.now()).isBefore(end);
            Thread.sleep(100);
        }
        assertThat(ollama.chat(request).text()).contains("Paris");
        ollama.delete("brief");
    }

    @Test
    void leavesOldMessagesOutWhereTheContextIsShort() throws Exception {
        List<ChatMessage> messages = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            messages.add(
                    ChatMessage.user("Tell me a long story about a duck, a goose and a swan, please, number " + i));
            messages.add(ChatMessage.assistant("I would rather not."));
        }
        messages.addAll(CAPITAL.messages());
        ChatRequest request = CAPITAL.messages(messages).option("num_ctx", 256);
        assertThat(ollama.chat(request.messages(messages.subList(messages.size() - 3, messages.size())))
                        .promptTokens())
                .isLessThan(100);
        // As many of the last messages as fit, the system's prompt of the template with them.
        assertThat(ollama.chat(request).promptTokens()).isBetween(200, 255);
        // A last message that is too long loses its middle: four tokens stay, and what fills half of the rest.
        assertThat(ollama.chat(CAPITAL.messages(List.of(ChatMessage.user("duck ".repeat(500))))
                                .option("num_ctx", 256))
                        .promptTokens())
                .isEqualTo(130);
    }

    @Test
    void startsByItself(@TempDir Path folder) throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.tunebook.ollama.server.EmbeddedOllama",
                        "--model",
                        model.toString(),
                        "--name",
                        "alone",
                        "--port",
                        String.valueOf(port))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            Ollama alone = Ollama.connect(":" + port);
            while (process.isAlive() && !alone.running()) {
                Thread.sleep(50);
            }
            ChatRequest request =
                    new ChatRequest("alone", CAPITAL.messages(), CAPITAL.options(), null, null, List.of(), null);
            assertThat(alone.chat(request).text()).contains("Paris");
        } finally {
            process.destroy();
            process.waitFor();
        }
        // llama.cpp and its binding have said nothing, on neither stream; the tests' two loggers complain of one
        // another, and a JVM of options that its environment gives it.
        assertThat(Files.readAllLines(log).stream()
                        .filter(l -> !l.startsWith("SLF4J") && !l.contains("ai.djl") && !l.startsWith("INFO"))
                        .filter(l -> !l.startsWith("Picked up JAVA_")))
                .containsExactly(
                        "http://127.0.0.1:" + port
                                + " serves alone:latest (prompts by Ollama's template chatml, which is the nearest to the file's own)");
    }

    /** A program that serves, asks and closes; nothing of llama.cpp's keeps its JVM. */
    static final class Program {
        public static void main(String[] args) throws IOException {
            try (EmbeddedOllama own = EmbeddedOllama.start(Path.of(args[0]), "own")) {
                System.out.println("tokens: "
                        + Ollama.connect(own.url())
                                .chat(ChatRequest.of("own", ChatMessage.user("Hi"))
                                        .option("num_predict", 2))
                                .tokens());
            }
        }
    }

    @Test
    void aProgramThatClosesItEnds(@TempDir Path folder) throws Exception {
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Program.class.getName(),
                        model.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("it ended").isTrue();
            assertThat(process.exitValue()).isZero();
            assertThat(log).content().contains("tokens: 2");
        } finally {
            process.destroyForcibly();
        }
    }

    /**
     * As Ollama, which gives each model a process: it dies alone, and goes with all its memory when the model is
     * unloaded.
     */
    @Test
    void outlivesTheProcessOfAModel() throws Exception {
        ollama.copy("smollm2", "mortal");
        ChatRequest request =
                new ChatRequest("mortal", CAPITAL.messages(), CAPITAL.options(), null, null, List.of(), null);
        Set<ProcessHandle> before = runners();
        assertThat(ollama.chat(request).text()).contains("Paris");
        Set<ProcessHandle> after = runners();
        after.removeAll(before);
        assertThat(after).hasSize(1);
        ProcessHandle runner = after.iterator().next();
        try (ChatStream stream =
                ollama.stream(request.option("num_predict", 4000).option("temperature", 2))) {
            var pieces = stream.iterator();
            pieces.next();
            runner.destroyForcibly();
            assertThatThrownBy(() -> pieces.forEachRemaining(p -> {}))
                    .hasMessageContaining("llama runner process has terminated");
        }
        assertThat(ollama.chat(request).text()).contains("Paris");
        ollama.unload("mortal");
        // the answer may come a moment before the process has ended
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        do {
            Thread.sleep(20);
            after = runners();
            after.removeAll(before);
        } while (!after.isEmpty() && System.nanoTime() < limit);
        assertThat(after).isEmpty();
        ollama.delete("mortal");
    }

    private static Set<ProcessHandle> runners() {
        return ProcessHandle.current().children().filter(ProcessHandle::isAlive).collect(Collectors.toSet());
    }

    /** A real server 0.34.1 says the same of the same file. */
    @Test
    void aBareFileGetsTheTemplateThatOllamaFindsAndSaysSo() throws Exception {
        assertThat(server.toString()).contains("smollm2", "by Ollama's template chatml");
        assertThat(ollama.show("smollm2").template()).startsWith("{{- range .Messages }}<|im_start|>{{ .Role }}\n");
        ChatRequest bare = ChatRequest.of("smollm2", ChatMessage.user("What is the capital of France?"))
                .option("temperature", 0)
                .option("num_predict", 40);
        assertThat(ollama.chat(bare).text()).isEqualTo("The capital of France is Paris.");
    }

    /**
     * As Ollama: a request that says nothing of it changes nothing. Memory is the file's and that of keys and values.
     */
    @Test
    void staysAsLongAsWasLastAskedFor() throws Exception {
        ChatRequest one = CAPITAL.option("num_predict", 1).option("num_ctx", 4096);
        ollama.chat(one.keepAlive(Duration.ofMinutes(30)));
        ollama.chat(one);
        Ollama.RunningModel running = ollama.ps().stream()
                .filter(m -> m.name().equals("smollm2:latest"))
                .findFirst()
                .orElseThrow();
        assertThat(running.expires()).isAfter(Instant.now().plus(Duration.ofMinutes(20)));
        assertThat(running.bytes()).isEqualTo(Files.size(model) + 4096L * 30 * 3 * 64 * 2 * 2);
        ollama.chat(one.keepAlive(Duration.ofMinutes(5)));
        assertThat(ollama.ps().get(0).expires()).isBefore(Instant.now().plus(Duration.ofMinutes(6)));
    }

    @Test
    void refusesOtherHostsAndOrigins() throws Exception {
        assertThat(status("Host: evil.example")).isEqualTo("403");
        assertThat(status("Host: 93.184.216.34")).isEqualTo("403");
        assertThat(status("Host: localhost.evil.example")).isEqualTo("403");
        assertThat(status("Host: localhost\r\nOrigin: https://evil.example")).isEqualTo("403");
        assertThat(status("Host: localhost\r\nOrigin: http://localhost.evil.example"))
                .isEqualTo("403");
        assertThat(status("Host: localhost\r\nOrigin: http://localhost:8888")).isEqualTo("200");
        assertThat(status("Host: [::1]:11434")).isEqualTo("200");
        assertThat(status("Host: 192.168.1.7:11434")).isEqualTo("200");
        assertThat(status("Host: box.local")).isEqualTo("200");
    }

    private static String status(String headers) throws IOException {
        URI url = URI.create(server.url());
        try (Socket socket = new Socket(url.getHost(), url.getPort())) {
            socket.getOutputStream()
                    .write(("GET /api/version HTTP/1.1\r\n" + headers + "\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).split(" ")[1];
        }
    }

    /** Ollama's and OpenAI's own clients do all that their scripts ask of them, and say so at the end. */
    @ParameterizedTest
    @CsvSource({
        "client.py, PYTHON CLIENT OK",
        "client.mjs, NODE CLIENT OK",
        "openai_client.py, OPENAI PYTHON OK",
        "openai_client.mjs, OPENAI NODE OK"
    })
    void officialClients(String script, String said, @TempDir Path folder) throws Exception {
        boolean python = script.endsWith(".py");
        String variable = python ? "TUNEBOOK_PYTHON" : "TUNEBOOK_NODE_MODULES";
        String value = System.getenv(variable);
        assumeTrue(value != null, variable + " is not set");
        assertThat(run(folder, script, python ? value : "node")).contains(said);
    }

    private static String run(Path folder, String script, String program) throws Exception {
        Path file = folder.resolve(script);
        try (var in = EmbeddedOllamaTest.class.getResourceAsStream(script)) {
            Files.copy(in, file);
        }
        ProcessBuilder builder = new ProcessBuilder(program, file.toString()).redirectErrorStream(true);
        builder.environment().put("OLLAMA_HOST", server.url());
        builder.environment().put("MODEL_FILE", model.toString());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
