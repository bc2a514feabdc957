package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Requests as the official client sends them, wrong ones, and those that mean harm; statuses and words are those of
 * Ollama 0.34.1.
 */
class ServerRequestsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static EmbeddedOllama server;
    private static Path model;

    @TempDir
    Path temp;

    @BeforeAll
    static void start() throws IOException {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        model = Path.of(path);
        server = EmbeddedOllama.start(model, "smollm2");
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "chat | {'messages':'x'} | 400 | json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
                "generate | {'prompt':5} | 400 | json: cannot unmarshal number into Go struct field GenerateRequest.prompt of type string",
                "chat | {'options':[1]} | 400 | json: cannot unmarshal array into Go struct field ChatRequest.options of type map[string]interface {}",
                "generate | {'options':[1]} | 400 | json: cannot unmarshal array into Go struct field GenerateRequest.options of type map[string]interface {}",
                "generate | {'prompt':'a','options':{'temperature':'hot'}} | 500 | option \"temperature\" must be of type float32",
                "generate | {'prompt':'a','options':{'temperature':'NaN'}} | 500 | option \"temperature\" must be of type float32",
                "generate | {'prompt':'a','options':{'temperature':1e308}} | 500 | failed to marshal completion request: json: unsupported value: +Inf",
                "generate | {'prompt':'a','options':{'repeat_last_n':-1}} | 400 | {\"error\":{\"code\":400,\"message\":\"Field 'repeat_last_n': Value must be between 0 <= value <= 2147483647, but got -1\",\"type\":\"invalid_request_error\"}}",
                "generate | {'prompt':'a','options':{'repeat_penalty':0}} | 400 | {\"error\":{\"code\":400,\"message\":\"Failed to initialize samplers: penalty_repeat must be finite and greater than 0\",\"type\":\"invalid_request_error\"}}",
                "generate | {'prompt':'a','options':{'num_predict':'x'}} | 500 | option \"num_predict\" must be of type integer",
                "generate | {'prompt':'a','options':{'stop':'7'}} | 500 | option \"stop\" must be of type array",
                "generate | {'prompt':'a','options':{'stop':[1]}} | 500 | option \"stop\" must be of an array of strings",
                "generate | {'prompt':'a','options':{'typical_p':0.5}} | 400 | typical_p is no longer supported",
                "chat | {'messages':[{'role':'user','content':'a'}],'options':{'typical_p':0.5}} | 400 | typical_p is no longer supported",
            })
    void refusesWhatIsOfTheWrongKind(String path, String body, int status, String words) throws Exception {
        HttpResponse<String> answer = post("/api/" + path, "{'model':'smollm2'," + body.substring(1));
        assertThat(answer.statusCode()).isEqualTo(status);
        assertThat(JSON.readTree(answer.body()).path("error").asText()).isEqualTo(words);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "chat | [] | 400 | json: cannot unmarshal array into Go value of type api.ChatRequest",
                "generate | [] | 400 | json: cannot unmarshal array into Go value of type api.GenerateRequest",
                "chat | { | 400 | unexpected EOF",
                "chat | {'model':''} | 400 | model is required",
                "generate | {'model':'nope','prompt':'a'} | 404 | model 'nope' not found",
                "generate | {'model':'a b','prompt':'a'} | 400 | invalid model name",
            })
    void refusesWhatNamesNoModel(String path, String body, int status, String words) throws Exception {
        HttpResponse<String> answer = post("/api/" + path, body);
        assertThat(answer.statusCode()).isEqualTo(status);
        assertThat(JSON.readTree(answer.body()).path("error").asText()).isEqualTo(words);
    }

    @Test
    void anUnclosedTemplateIsRefused() throws Exception {
        HttpResponse<String> answer = post("/api/generate", "{'model':'smollm2','prompt':'a','template':'{{ if'}");
        assertThat(answer.statusCode()).isEqualTo(500);
        assertThat(answer.body()).contains("unclosed action");
    }

    /** The command-line client sends both names, one of them empty. */
    @Test
    void takesTheNameThatIsNotEmpty() throws Exception {
        assertThat(post(
                                "/api/show",
                                "{'model':'','name':'smollm2','system':'','template':'','verbose':false,'options':null}")
                        .statusCode())
                .isEqualTo(200);
        assertThat(post(
                                "/api/pull",
                                "{'model':'','name':'smollm2','insecure':false,'username':'','password':'','stream':null}")
                        .body())
                .contains("\"success\"");
        assertThat(post("/api/copy", "{'source':'smollm2','destination':'second'}")
                        .statusCode())
                .isEqualTo(200);
        HttpResponse<String> gone = send("DELETE", "/api/delete", "{'model':'','name':'second'}");
        assertThat(gone.statusCode()).isEqualTo(200);
        assertThat(post("/api/show", "{'model':'','name':'second'}").statusCode())
                .isEqualTo(404);
    }

    /** A template of the request's or the model's own makes the prompt. */
    @Test
    void rendersTheTemplateThatItWasGiven() throws Exception {
        String body =
                "{'model':'smollm2','prompt':'Hi','system':'S','template':'<{{ .System }}|{{ .Prompt }}>','_debug_render_only':true}";
        assertThat(JSON.readTree(post("/api/generate", body).body())
                        .at("/_debug_info/rendered_template")
                        .asText())
                .isEqualTo("<S|Hi>");
        String create = "{'model':'own','from':'smollm2','stream':false,'system':'Be brief.',"
                + "'template':'{{ range .Messages }}[{{ .Role }}]{{ .Content }}{{ end }}[go]'}";
        assertThat(post("/api/create", create).statusCode()).isEqualTo(200);
        String chat = "{'model':'own','messages':[{'role':'user','content':'Hi'}],'_debug_render_only':true}";
        assertThat(JSON.readTree(post("/api/chat", chat).body())
                        .at("/_debug_info/rendered_template")
                        .asText())
                .isEqualTo("[system]Be brief.[user]Hi[go]");
        assertThat(post("/api/create", "{'model':'x','from':'smollm2','template':'{{ if'}")
                        .statusCode())
                .isEqualTo(400);
    }

    /** Text that is longer than llama.cpp's usual batch, and none at all. */
    @Test
    void embedsLongTextsAndRefusesEmptyOnes() throws Exception {
        String longText = "duck ".repeat(700);
        JsonNode made = JSON.readTree(post("/api/embed", "{'model':'smollm2','input':['" + longText + "']}")
                .body());
        assertThat(made.at("/embeddings/0").size()).isEqualTo(576);
        assertThat(made.path("prompt_eval_count").asInt()).isGreaterThan(600);
        HttpResponse<String> empty = post("/api/embed", "{'model':'smollm2','input':['','a']}");
        assertThat(empty.statusCode()).isEqualTo(400);
        assertThat(empty.body()).contains("input 0 is empty");
        assertThat(post("/api/embed", "{'model':'smollm2','input':'a'}").statusCode())
                .isEqualTo(200);
    }

    @Test
    void speaksAsOpenAiDoes() throws Exception {
        String ask = "'messages':[{'role':'user','content':'Hi'}],'max_tokens':4,'temperature':0";
        // The second answer to one prompt: llama.cpp computes one that it knows in other batches, and a near tie may
        // fall otherwise.
        post("/v1/chat/completions", "{'model':'smollm2'," + ask + "}");
        JsonNode whole = JSON.readTree(
                post("/v1/chat/completions", "{'model':'smollm2'," + ask + "}").body());
        assertThat(whole.path("object").asText()).isEqualTo("chat.completion");
        assertThat(whole.at("/choices/0/finish_reason").asText()).isEqualTo("length");
        assertThat(whole.at("/usage/completion_tokens").asInt()).isEqualTo(4);
        String text = whole.at("/choices/0/message/content").asText();
        HttpResponse<String> stream = post(
                "/v1/chat/completions",
                "{'model':'smollm2'," + ask + ",'stream':true,'stream_options':{'include_usage':true}}");
        assertThat(stream.headers().firstValue("Content-Type")).contains("text/event-stream");
        List<String> events = stream.body().lines().filter(l -> !l.isEmpty()).toList();
        assertThat(events).allMatch(l -> l.startsWith("data: "));
        assertThat(events.get(events.size() - 1)).isEqualTo("data: [DONE]");
        StringBuilder joined = new StringBuilder();
        for (String event : events.subList(0, events.size() - 1)) {
            JsonNode chunk = JSON.readTree(event.substring(6));
            assertThat(chunk.path("object").asText()).isEqualTo("chat.completion.chunk");
            joined.append(chunk.at("/choices/0/delta/content").asText(""));
        }
        assertThat(joined).hasToString(text);
        assertThat(JSON.readTree(events.get(events.size() - 2).substring(6))
                        .at("/usage/completion_tokens")
                        .asInt())
                .isEqualTo(4);
        assertThat(JSON.readTree(post("/v1/completions", "{'model':'smollm2','prompt':'Hi','max_tokens':2}")
                                .body())
                        .path("object")
                        .asText())
                .isEqualTo("text_completion");
        assertThat(get("/v1/models").body()).contains("\"id\":\"smollm2:latest\"");
        assertThat(JSON.readTree(get("/v1/models/smollm2").body())
                        .path("object")
                        .asText())
                .isEqualTo("model");
        assertThat(JSON.readTree(post("/v1/embeddings", "{'model':'smollm2','input':['a','b']}")
                                .body())
                        .at("/data/1/embedding")
                        .size())
                .isEqualTo(576);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "chat/completions | {'model':'nope','messages':[{'role':'user','content':'Hi'}]} | 404 | not_found_error | model 'nope' not found",
                "chat/completions | {'model':'smollm2','messages':[]} | 400 | invalid_request_error | [] is too short - 'messages'",
                "chat/completions | { | 400 | invalid_request_error | unexpected EOF",
                "embeddings | {'model':'smollm2'} | 400 | invalid_request_error | invalid input",
            })
    void failsAsOpenAiDoes(String path, String body, int status, String type, String words) throws Exception {
        HttpResponse<String> answer = post("/v1/" + path, body);
        assertThat(answer.statusCode()).isEqualTo(status);
        JsonNode error = JSON.readTree(answer.body()).path("error");
        assertThat(error.path("type").asText()).isEqualTo(type);
        assertThat(error.path("message").asText()).isEqualTo(words);
    }

    // ---- harm

    @Test
    void headersAndBodiesHaveLimits() throws Exception {
        assertThat(raw("GET / HTTP/1.1\r\nHost: " + ":".repeat(40_000) + "1\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403");
        assertThat(
                        raw(
                                "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: chrome-extension://abc\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403");
        HttpRequest large = HttpRequest.newBuilder(URI.create(server.url() + "/api/show"))
                .POST(BodyPublishers.ofInputStream(() -> new Zeros(70L << 20)))
                .build();
        try {
            assertThat(HTTP.send(large, BodyHandlers.ofString()).statusCode()).isEqualTo(413);
        } catch (IOException hungUp) {
            // The server need not read to the end what it refuses.
        }
        assertThat(get("/").statusCode()).isEqualTo(200);
    }

    /** Megabytes of text took gigabytes to cut into tokens, and the model's process with it. */
    @Test
    void messagesOfMegabytesLoseWhatIsTooMuch() throws Exception {
        String options = "'stream':false,'options':{'num_ctx':256,'num_predict':1,'temperature':0}";
        List<Integer> tokens = new ArrayList<>();
        for (int words : new int[] {2_000, 1_500_000}) {
            String much = "duck ".repeat(words);
            HttpResponse<String> chat = post(
                    "/api/chat",
                    "{'model':'smollm2'," + options + ",'messages':[{'role':'user','content':'" + much
                            + "'},{'role':'user','content':'" + much + "'}]}");
            assertThat(chat.statusCode()).as(chat.body()).isEqualTo(200);
            tokens.add(JSON.readTree(chat.body()).path("prompt_eval_count").asInt());
        }
        // the first four and half of the rest, as Ollama keeps them
        assertThat(tokens).containsExactly(4 + (256 - 4) / 2, 4 + (256 - 4) / 2);
    }

    /** Bytes that are sent but never lie in memory. */
    private static final class Zeros extends InputStream {
        private long left;

        Zeros(long size) {
            left = size;
        }

        @Override
        public int read() {
            return left-- > 0 ? 0 : -1;
        }

        @Override
        public int read(byte[] bytes, int at, int count) {
            int n = (int) Math.min(left, count);
            left -= n;
            return n == 0 ? -1 : n;
        }
    }

    @Test
    void twoUploadsOfOneBlobAreBothAnswered() throws Exception {
        byte[] content = "the same for all".repeat(100_000).getBytes(StandardCharsets.UTF_8);
        Path file = Files.write(temp.resolve("blob"), content);
        String digest = Sha256.hex(file);
        List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + "/api/blobs/sha256:" + digest))
                    .POST(BodyPublishers.ofByteArray(content))
                    .build();
            all.add(HttpClient.newHttpClient().sendAsync(request, BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> each : all) {
            assertThat(each.get().statusCode()).isIn(200, 201);
        }
    }

    /** A file that begins as a model and is cut off: what is wrong with it is said, and not where it lies. */
    @Test
    void whatIsWrongWithAFileIsToldWithoutItsPath() throws Exception {
        byte[] head = new byte[300_000];
        try (InputStream whole = Files.newInputStream(model)) {
            assertThat(whole.readNBytes(head, 0, head.length)).isEqualTo(head.length);
        }
        Path cut = Files.write(temp.resolve("cut.gguf"), head);
        String digest = Sha256.hex(cut);
        HTTP.send(
                HttpRequest.newBuilder(URI.create(server.url() + "/api/blobs/sha256:" + digest))
                        .POST(BodyPublishers.ofFile(cut))
                        .build(),
                BodyHandlers.ofString());
        HttpResponse<String> answer =
                post("/api/create", "{'model':'cut','files':{'cut.gguf':'sha256:" + digest + "'},'stream':false}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("tokenizer.ggml.tokens").doesNotContain(digest, temp.toString());
        assertThat(answer.body()).doesNotContain(System.getProperty("java.io.tmpdir"), System.getProperty("user.home"));
    }

    @Test
    void pullTellsNothingOfOtherFiles() throws Exception {
        Path secret = Files.writeString(temp.resolve("secret.gguf"), "root:x:0:0");
        HttpResponse<String> answer =
                post("/api/pull", "{'model':'" + secret.toString().replace("\\", "/") + "','stream':false}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("not a GGUF file").doesNotContain("root", "72 6f");
    }

    /** As a real server's {@code ps} tells it on a machine without a GPU. */
    @Test
    void theContextIsOllamasUnlessSomebodyAsks() throws Exception {
        for (String[] each : new String[][] {{"", "4096"}, {",'options':{'num_ctx':512}", "512"}, {"", "4096"}}) {
            assertThat(post("/api/generate", "{'model':'smollm2'" + each[0] + "}")
                            .statusCode())
                    .isEqualTo(200);
            JsonNode running = JSON.readTree(get("/api/ps").body()).at("/models/0");
            assertThat(running.path("name").asText()).isEqualTo("smollm2:latest");
            assertThat(running.path("context_length").asText()).isEqualTo(each[1]);
        }
    }

    /**
     * Where a path begins with two slashes, Java reads a host. Of {@code //nowhere} nothing is left as a path then, and
     * Java's server says 404 by itself, where Ollama's redirects.
     */
    @ParameterizedTest
    @CsvSource({
        "GET //api/tags, 307, /api/tags",
        "GET /api//tags, 307, /api/tags",
        "GET /api/tags/, 301, /api/tags",
        "HEAD //api/tags, 307, /api/tags",
        "POST //api/chat, 307, /api/chat",
        "POST /api/chat/, 307, /api/chat",
        "GET //api/tags/, 307, /api/tags/",
        "GET //nowhere/there, 307, /nowhere/there",
        "GET /nowhere/, 404, "
    })
    void slashesTooManyAreRedirectedAsByOllama(String request, int status, String location) throws Exception {
        String answer = raw(request + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
        if (location != null) {
            assertThat(answer.toLowerCase(Locale.ROOT)).contains("\r\nlocation: " + location + "\r\n");
        }
        String words = status == 301 ? "Moved Permanently" : "Temporary Redirect";
        String page = answer.substring(answer.indexOf("\r\n\r\n") + 4);
        if (location != null) {
            assertThat(page)
                    .isEqualTo(request.startsWith("GET") ? "<a href=\"" + location + "\">" + words + "</a>.\n\n" : "");
        }
    }

    private static HttpResponse<String> get(String path) throws Exception {
        return HTTP.send(HttpRequest.newBuilder(URI.create(server.url() + path)).build(), BodyHandlers.ofString());
    }

    private static HttpResponse<String> post(String path, String body) throws Exception {
        return send("POST", path, body);
    }

    /** Sends a body in which apostrophes stand for quotation marks, but for those inside words. */
    private static HttpResponse<String> send(String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + path))
                .method(method, BodyPublishers.ofString(body.replace('\'', '"')))
                .build();
        return HTTP.send(request, BodyHandlers.ofString());
    }

    private static String raw(String request) throws IOException {
        URI at = URI.create(server.url());
        try (Socket socket = new Socket(at.getHost(), at.getPort())) {
            OutputStream out = socket.getOutputStream();
            out.write(request.getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }
}
