package io.tunebook.ollama;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tunebook.ollama.OllamaHttp.OllamaHost;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against a server that streams as Ollama's documentation says, and one that misbehaves. */
class OllamaTest {
    private static final String CHUNK =
            "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"done\":false}\n";
    private static final String LAST =
            "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\","
                    + "\"total_duration\":5000000000,\"eval_count\":42,\"eval_duration\":2000000000}\n";

    private HttpServer server;
    private Ollama ollama;
    private final List<JsonNode> requests = new ArrayList<>();

    private interface Answer {
        void to(HttpExchange exchange) throws Exception;
    }

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        ollama = Ollama.connect("127.0.0.1:" + server.getAddress().getPort())
                .patience(Duration.ofSeconds(5), Duration.ofMillis(700));
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private void on(String path, Answer answer) {
        server.createContext(path, exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            if (body.length > 0 && body[0] == '{') {
                requests.add(new ObjectMapper().readTree(body));
            }
            try (exchange) {
                answer.to(exchange);
            } catch (Exception e) {
                throw new IOException(e);
            }
        });
    }

    private static void send(HttpExchange exchange, int status, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private static ChatRequest question() {
        return ChatRequest.of("m", ChatMessage.user("你好?"));
    }

    @Test
    void joinsAStreamWhereverItIsCut() throws Exception {
        byte[] all = (CHUNK.formatted("你好") + CHUNK.formatted(" wörld") + LAST).getBytes(StandardCharsets.UTF_8);
        on("/api/chat", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            OutputStream out = exchange.getResponseBody();
            for (int i = 0; i < all.length; i += 7) {
                out.write(all, i, Math.min(7, all.length - i));
                out.flush();
            }
        });
        List<String> pieces = new ArrayList<>();
        ChatResponse response = ollama.chat(question().option("temperature", 0), p -> pieces.add(p.text()));
        assertThat(pieces).containsExactly("你好", " wörld", "");
        assertThat(response.text()).isEqualTo("你好 wörld");
        assertThat(response.tokensPerSecond()).isEqualTo(21);
        assertThat(requests.get(0).toString())
                .isEqualTo(
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"你好?\"}],\"options\":{\"temperature\":0}}");
    }

    @Test
    void thinkingToolsAndStructureAreApart() throws Exception {
        record City(String name) {}
        record Weather(String city, double degrees, List<String> words) {}
        on(
                "/api/chat",
                exchange -> send(
                        exchange,
                        200,
                        requests.size() == 1
                                ? "{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"hm\",\"tool_calls\":[{\"function\":{\"name\":\"weather\","
                                        + "\"arguments\":{\"name\":\"Oslo\"}}}]},\"done\":false}\n" + LAST
                                : CHUNK.formatted(
                                                "{\\\"city\\\":\\\"Oslo\\\",\\\"degrees\\\":-3.5,\\\"words\\\":[\\\"cold\\\"]}")
                                        + LAST));
        Tool tool = Tool.of("weather", "The weather in a city", City.class, c -> c.name() + ": cold");
        ChatResponse response =
                ollama.chat(question().tools(tool).format(Weather.class).think(true));
        assertThat(response.as(Weather.class)).isEqualTo(new Weather("Oslo", -3.5, List.of("cold")));
        assertThat(requests.get(0)
                        .at("/tools/0/function/parameters/properties/name/type")
                        .asText())
                .isEqualTo("string");
        assertThat(requests.get(0).at("/format/properties/words/items/type").asText())
                .isEqualTo("string");
        JsonNode messages = requests.get(1).get("messages");
        assertThat(messages.get(1).get("thinking").asText()).isEqualTo("hm");
        assertThat(messages.get(2).toString())
                .isEqualTo("{\"role\":\"tool\",\"content\":\"Oslo: cold\",\"tool_name\":\"weather\"}");
    }

    @Test
    void completesAPromptPieceByPiece(@TempDir Path folder) throws Exception {
        on(
                "/api/generate",
                e -> send(
                        e,
                        200,
                        "{\"model\":\"m\",\"response\":\"\",\"thinking\":\"hm\",\"done\":false}\n"
                                + "{\"model\":\"m\",\"response\":\"a b\",\"done\":false}\n"
                                + "{\"model\":\"m\",\"response\":\"\",\"done\":true,\"done_reason\":\"length\",\"context\":[1,2]}\n"));
        Path image = Files.write(folder.resolve("i.png"), new byte[] {1, 2, 3});
        GenerateRequest request = GenerateRequest.of("m", "def f(")
                .suffix("return 1")
                .system("s")
                .asItIs()
                .withImage(image)
                .option("num_predict", 2)
                .think(true)
                .keepAlive(Duration.ofSeconds(90));
        List<String> pieces = new ArrayList<>();
        try (ChatStream stream = ollama.stream(request)) {
            for (ChatResponse piece : stream) {
                pieces.add(piece.thinking() + "|" + piece.text() + "|" + piece.doneReason());
            }
        }
        assertThat(pieces).containsExactly("hm||", "|a b|", "||length");
        assertThat(ollama.generate(request, p -> {}).text()).isEqualTo("a b");
        assertThat(requests.get(0).toString())
                .isEqualTo(
                        "{\"model\":\"m\",\"prompt\":\"def f(\",\"suffix\":\"return 1\",\"system\":\"s\",\"raw\":true,\"images\":[\"AQID\"],"
                                + "\"options\":{\"num_predict\":2},\"think\":true,\"keep_alive\":90}");
    }

    @Test
    void closingEarlyEndsTheConnection() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        on("/api/chat", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            try {
                while (true) {
                    exchange.getResponseBody().write(CHUNK.formatted("x").getBytes(StandardCharsets.UTF_8));
                    exchange.getResponseBody().flush();
                    Thread.sleep(5);
                }
            } catch (IOException e) {
                gone.countDown();
            }
        });
        try (ChatStream stream = ollama.stream(question())) {
            assertThat(stream.iterator().next().text()).isEqualTo("x");
        }
        assertThat(gone.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void anErrorInTheMiddleOfAStream() {
        on("/api/chat", e -> send(e, 200, CHUNK.formatted("a") + "{\"error\":\"CUDA error: out of memory\"}\n"));
        assertThatThrownBy(() -> ollama.chat(question()))
                .isInstanceOf(OllamaException.OutOfMemory.class)
                .hasMessageContaining("CUDA error: out of memory")
                .hasMessageContaining("num_ctx");
    }

    @Test
    void aStreamThatEndsTooEarlyOrFallsSilent() {
        on("/api/chat", e -> send(e, 200, CHUNK.formatted("a")));
        assertThatThrownBy(() -> ollama.chat(question()))
                .isInstanceOf(OllamaException.BrokenStream.class)
                .hasMessageContaining("without a last line");
        on("/api/generate", e -> {
            e.sendResponseHeaders(200, 0);
            e.getResponseBody().write("{\"response\":\"a\",\"done\":false}\n".getBytes(StandardCharsets.UTF_8));
            e.getResponseBody().flush();
            Thread.sleep(3000);
        });
        assertThatThrownBy(() -> ollama.generate("m", "p"))
                .isInstanceOf(OllamaException.BrokenStream.class)
                .hasMessageContaining("nothing came");
    }

    @Test
    void aConnectionCutInTheMiddleOfALine() {
        on("/api/chat", e -> {
            e.sendResponseHeaders(200, 1000);
            e.getResponseBody().write((CHUNK.formatted("a") + "{\"mess").getBytes(StandardCharsets.UTF_8));
            e.getResponseBody().flush();
            Thread.sleep(200); // a break may overtake what came just before it
        });
        List<String> pieces = new ArrayList<>();
        assertThatThrownBy(() -> ollama.chat(question(), p -> pieces.add(p.text())))
                .isInstanceOf(OllamaException.BrokenStream.class)
                .hasMessageContaining("broke");
        assertThat(pieces).containsExactly("a");
    }

    @Test
    void waitsLongForTheFirstLineAndNotLongBetweenLines() throws Exception {
        on("/api/chat", e -> {
            e.sendResponseHeaders(200, 0);
            e.getResponseBody().flush();
            Thread.sleep(1500);
            e.getResponseBody().write((CHUNK.formatted("a") + LAST).getBytes(StandardCharsets.UTF_8));
        });
        assertThat(ollama.chat(question()).text()).isEqualTo("a");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "200 | {\"message\": {                              ",
                "200 | <html><title>Sign in</title></html>        ",
                "502 | <html><body>Bad Gateway</body></html>      ",
                "404 | 404 page not found                         ",
                "200 | [1, 2]                                     "
            })
    void answersThatAreNotOllamas(int status, String body) {
        on("/api/chat", e -> send(e, status, body + "\n"));
        on("/api/tags", e -> send(e, status, body));
        assertThatThrownBy(() -> ollama.chat(question()))
                .isInstanceOf(OllamaException.NotOllama.class)
                .hasMessageContaining(body.strip())
                .hasMessageContaining("proxy");
        if (!body.startsWith("[")) {
            assertThatThrownBy(() -> ollama.list())
                    .isInstanceOf(OllamaException.NotOllama.class)
                    .hasMessageContaining(body.strip());
        }
    }

    @Test
    void errorsBeforeTheStreamKeepTheirStatusAndWords() {
        on(
                "/api/chat",
                e -> send(e, 503, "{\"error\":\"server busy, please try again.  maximum pending requests exceeded\"}"));
        assertThatThrownBy(() -> ollama.chat(question()))
                .isInstanceOfSatisfying(
                        OllamaException.class, e -> assertThat(e.status()).isEqualTo(503))
                .hasMessageContaining("maximum pending requests exceeded")
                .hasMessageContaining("try again");
        on(
                "/api/generate",
                e -> send(
                        e,
                        500,
                        "{\"error\":{\"message\":\"model requires more system memory (9 GiB) than is available\"}}"));
        assertThatThrownBy(() -> ollama.generate("m", "p"))
                .isInstanceOf(OllamaException.OutOfMemory.class)
                .hasMessageContaining("(9 GiB)");
        on(
                "/api/embed",
                e -> send(
                        e,
                        501,
                        "{\"error\":\"This server does not support embeddings. Start it with `--embeddings`\"}"));
        assertThatThrownBy(() -> ollama.embed("m", List.of("a")))
                .hasMessageContaining("does not support embeddings")
                .hasMessageContaining("ollama pull nomic-embed-text")
                .hasMessageContaining("EmbeddedOllama");
    }

    @Test
    void pullsGoOnAfterABreakAndReportLayers() throws Exception {
        String layer = "{\"status\":\"pulling 0a1b\",\"digest\":\"sha256:0a1b\",\"total\":100,\"completed\":%d}\n";
        on("/api/pull", e -> {
            if (requests.size() == 1) {
                e.sendResponseHeaders(200, 1000);
                e.getResponseBody().write(layer.formatted(40).getBytes(StandardCharsets.UTF_8));
                e.getResponseBody().flush();
                Thread.sleep(200); // a break may overtake what came just before it
            } else {
                send(e, 200, layer.formatted(60) + layer.formatted(100) + "{\"status\":\"success\"}\n");
            }
        });
        List<Long> done = new ArrayList<>();
        ollama.pull("m", s -> done.add(s.completed()));
        assertThat(done).containsExactly(40L, 60L, 100L, 0L);
        assertThat(requests).hasSize(2);
        assertThat(requests.get(1).toString()).isEqualTo("{\"model\":\"m\"}");
    }

    @Test
    void listsWhatIsThereAndWhatRuns() throws Exception {
        on(
                "/api/tags",
                e -> send(
                        e,
                        200,
                        "{\"models\":[{\"name\":\"m:latest\",\"model\":\"m:latest\",\"modified_at\":\"2026-05-04T17:37:44.706015396-07:00\",\"size\":3826793677,"
                                + "\"digest\":\"aabd4debf0c8\",\"details\":{\"format\":\"gguf\",\"families\":null,\"parameter_size\":\"7B\"}}]}"));
        on(
                "/api/ps",
                e -> send(
                        e,
                        200,
                        "{\"models\":[{\"name\":\"m:latest\",\"size\":6654289920,\"expires_at\":\"2026-06-04T14:38:31.83753Z\",\"size_vram\":5333539264,"
                                + "\"context_length\":4096}]}"));
        Ollama.Model model = ollama.list().get(0);
        assertThat(model.name()).isEqualTo("m:latest");
        assertThat(model.bytes()).isEqualTo(3826793677L);
        assertThat(model.modified()).isEqualTo(Instant.parse("2026-05-05T00:37:44.706015396Z"));
        assertThat(model.details()).containsEntry("parameter_size", "7B");
        assertThat(ollama.ps())
                .containsExactly(new Ollama.RunningModel(
                        "m:latest", 6654289920L, 5333539264L, 4096, Instant.parse("2026-06-04T14:38:31.83753Z")));
    }

    @Test
    void sendsImagesAndHowLongToStayLoaded(@TempDir Path folder) throws Exception {
        on("/api/chat", e -> send(e, 200, LAST));
        Path image = Files.write(folder.resolve("i.png"), new byte[] {1, 2, 3});
        ollama.chat(ChatRequest.of("m", ChatMessage.user("what is it?").withImage(image))
                .keepAlive(Duration.ofMinutes(-1)));
        assertThat(requests.get(0).at("/messages/0/images/0").asText()).isEqualTo("AQID");
        assertThat(requests.get(0).get("keep_alive").asInt()).isEqualTo(-1);
    }

    @Test
    void aCallThatDoesNotFitTheToolIsToldToTheModel() throws Exception {
        record Sum(int a, int b) {}
        on(
                "/api/chat",
                exchange -> send(
                        exchange,
                        200,
                        requests.size() == 1
                                ? "{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"index\":0,\"name\":\"sum\","
                                        + "\"arguments\":{\"a\":\"three\",\"b\":4}}},{\"id\":\"call_2\",\"function\":{\"index\":1,\"name\":\"sum\","
                                        + "\"arguments\":{\"a\":3,\"b\":4}}},{\"function\":{\"name\":\"product\",\"arguments\":{}}}]},\"done\":false}\n"
                                        + LAST
                                : CHUNK.formatted("7") + LAST));
        ChatResponse response = ollama.chat(question().tools(Tool.of("sum", "a + b", Sum.class, s -> s.a() + s.b())));
        assertThat(response.text()).isEqualTo("7");
        JsonNode messages = requests.get(1).get("messages");
        assertThat(messages.get(1).at("/tool_calls/1/id").asText()).isEqualTo("call_2");
        assertThat(messages.get(2).get("content").asText()).startsWith("error: expected arguments");
        assertThat(messages.get(2).get("tool_call_id").asText()).isEqualTo("call_1");
        assertThat(messages.get(3).get("content").asText()).isEqualTo("7");
        assertThat(messages.get(4).get("content").asText()).isEqualTo("there is no tool product");
    }

    @Test
    void tellsTheModelWhatAToolsArgumentsMean() {
        enum Unit {
            CELSIUS,
            KELVIN
        }
        record Place(
                @JsonPropertyDescription("the city's English name")
                String city,

                @JsonProperty("country_code") String country,
                List<Unit> units) {}
        Tool tool = Tool.of("weather", "The weather", Place.class, p -> p.city() + " " + p.country() + " " + p.units());
        JsonNode properties = new ObjectMapper().<JsonNode>valueToTree(tool).at("/function/parameters/properties");
        assertThat(properties.at("/city/description").asText()).isEqualTo("the city's English name");
        assertThat(properties.at("/country_code/type").asText()).isEqualTo("string");
        assertThat(properties.at("/units/items/enum/1").asText()).isEqualTo("KELVIN");
        assertThat(tool.call(Map.of("city", "Oslo", "country_code", "NO", "units", List.of("CELSIUS"))))
                .isEqualTo("Oslo NO [CELSIUS]");
    }

    @Test
    void asksForLevelsOfThoughtAndForAnyJson() throws Exception {
        on("/api/chat", e -> send(e, 200, LAST));
        ollama.chat(question().think("high").json());
        assertThat(requests.get(0).get("think").asText()).isEqualTo("high");
        assertThat(requests.get(0).get("format").asText()).isEqualTo("json");
    }

    @Test
    void copiesDeletesPushesAndUnloads() throws Exception {
        List<String> calls = new ArrayList<>();
        for (String path : List.of("/api/copy", "/api/delete", "/api/push", "/api/chat")) {
            on(path, e -> {
                calls.add(e.getRequestMethod() + " " + path);
                send(e, 200, path.equals("/api/push") ? "{\"status\":\"success\"}\n" : "");
            });
        }
        ollama.copy("a", "b");
        ollama.delete("a");
        ollama.push("me/b");
        ollama.unload("b");
        assertThat(calls).containsExactly("POST /api/copy", "DELETE /api/delete", "POST /api/push", "POST /api/chat");
        assertThat(requests)
                .extracting(JsonNode::toString)
                .first()
                .isIn("{\"source\":\"a\",\"destination\":\"b\"}", "{\"destination\":\"b\",\"source\":\"a\"}");
        assertThat(requests.get(3).get("keep_alive").asInt()).isZero();
    }

    @Test
    void saysWhatToDo() throws Exception {
        on("/api/show", e -> send(e, 404, "{\"error\":\"model 'm' not found\"}"));
        assertThatThrownBy(() -> ollama.show("m"))
                .isInstanceOf(OllamaException.ModelNotFound.class)
                .hasMessageContaining("model 'm' not found: get it with: ollama pull m");
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        assertThatThrownBy(() -> Ollama.connect("127.0.0.1:" + free).version())
                .isInstanceOf(OllamaException.NotRunning.class)
                .hasMessageContaining("ollama serve");
    }

    @Test
    void sendsABlobOnlyOnceAndCreates(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("m.gguf"), "weights");
        List<String> methods = new ArrayList<>();
        on("/api/blobs/", e -> {
            methods.add(e.getRequestMethod());
            boolean there = methods.contains("POST");
            e.sendResponseHeaders(e.getRequestMethod().equals("POST") ? 201 : there ? 200 : 404, -1);
        });
        on("/api/create", e -> send(e, 200, "{\"status\":\"parsing GGUF\"}\n{\"status\":\"success\"}\n"));
        List<Long> sent = new ArrayList<>();
        String digest = ollama.uploadBlob(file, sent::add);
        assertThat(ollama.uploadBlob(file, n -> {})).isEqualTo(digest);
        assertThat(methods).containsExactly("HEAD", "POST", "HEAD");
        assertThat(sent).last().isEqualTo(7L);
        List<String> statuses = new ArrayList<>();
        ollama.create("mine", Map.of("files", Map.of("m.gguf", digest)), s -> statuses.add(s.status()));
        assertThat(statuses).containsExactly("parsing GGUF", "success");
        assertThat(requests.get(0).at("/files/m.gguf").asText()).isEqualTo(digest);
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                "'', http://127.0.0.1:11434",
                "example.org, http://example.org:11434",
                "ollama.com, https://ollama.com:443",
                "example.org:1234, http://example.org:1234",
                ":1234, http://127.0.0.1:1234",
                "http://example.org, http://example.org:80",
                "https://example.org/ollama/, https://example.org:443/ollama",
                "0.0.0.0:8080, http://127.0.0.1:8080",
                "'\"0.0.0.0\"', http://127.0.0.1:11434",
                "[::1]:77, http://[::1]:77",
                "::1, http://[::1]:11434",
                "[::], http://[::1]:11434",
                "example.org:99999, http://example.org:11434",
                "example.org:port, http://example.org:11434",
                "https://example.org:, https://example.org:443",
                "' http://example.org:1234/ ', http://example.org:1234"
            })
    void readsOllamaHost(String address, URI expected) {
        assertThat(OllamaHost.parse(address)).isEqualTo(expected);
    }
}
