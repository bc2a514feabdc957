package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Progress;
import io.tunebook.ollama.store.ModelStore;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * A client of Ollama's HTTP interface. Safe for several threads; its connections end with it.
 *
 * <p>A call waits 5 seconds for a connection, up to 10 minutes for the first token (the model may have to be loaded) and 2 minutes
 * between tokens. Failures are {@link OllamaException}s with the server's words and what to do.
 *
 * @see <a href="https://docs.ollama.com/api">Ollama's interface</a>
 */
public final class Ollama {
    private static final ObjectMapper JSON = Json.wire();
    private static final ObjectReader STATUS = JSON.readerFor(StatusLine.class);
    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration QUICK = Duration.ofSeconds(60);
    private static final Duration FIRST = Duration.ofMinutes(10);
    private static final Duration BETWEEN = Duration.ofMinutes(2);
    /** How often a pull that broke off begins again; the server goes on where it was. */
    private static final int PULLS = 5;
    /** How often tools are called for one answer. */
    private static final int TOOL_ROUNDS = 8;

    private final URI base;
    private final HttpClient http;
    private final Duration first;
    private final Duration between;

    /**
     * A model in a list.
     *
     * @param name its name
     * @param bytes how much it takes on disk
     * @param digest its manifest's SHA-256, which identifies it
     * @param modified when it was pulled or made
     * @param details family, parameter size, quantisation and format by Ollama's names
     */
    public record Model(String name, long bytes, String digest, Instant modified, Map<String, Object> details) {}

    /**
     * A model that is loaded.
     *
     * @param name its name
     * @param bytes how much memory it takes
     * @param gpuBytes how much of that on GPUs
     * @param contextLength how many tokens a prompt and its answer may have together
     * @param expires when it is unloaded unless asked again
     */
    public record RunningModel(String name, long bytes, long gpuBytes, int contextLength, Instant expires) {}

    /**
     * What {@code show} tells.
     *
     * @param modelfile the whole Modelfile
     * @param template the prompt's template
     * @param parameters the settings, a line each
     * @param system the system prompt
     * @param license the licence
     * @param modelInfo GGUF's metadata
     * @param capabilities {@code completion}, {@code tools}, {@code thinking}, {@code vision} …
     */
    public record Info(
            String modelfile,
            String template,
            String parameters,
            String system,
            String license,
            Map<String, Object> modelInfo,
            List<String> capabilities) {}

    /**
     * How far a pull, push or create is.
     *
     * @param status Ollama's words
     * @param digest the layer, empty where it is about none
     * @param total the layer's bytes, 0 where unknown
     * @param completed how many of them are done
     */
    public record Status(String status, String digest, long total, long completed) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    private record StatusLine(String status, String digest, long total, long completed, JsonNode error)
            implements JsonLines.Line {}

    private Ollama(URI base, Duration first, Duration between) {
        this.base = base;
        this.first = first;
        this.between = between;
        this.http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT)
                .build();
    }

    /** The server that {@code OLLAMA_HOST} names, else {@code http://127.0.0.1:11434}. Nothing is sent yet. */
    public static Ollama connect() {
        String host = System.getenv("OLLAMA_HOST");
        return connect(host == null ? "" : host);
    }

    /**
     * The server at an address, in any form that {@code OLLAMA_HOST} may have: {@code host}, {@code host:port}, {@code :port},
     * {@code https://host/path}; 0.0.0.0 and :: mean this machine.
     */
    public static Ollama connect(String address) {
        return new Ollama(OllamaHost.parse(address), FIRST, BETWEEN);
    }

    /** The same server with other patience: how long for the first token and between tokens. */
    public Ollama patience(Duration forTheFirst, Duration betweenTokens) {
        return new Ollama(base, forTheFirst, betweenTokens);
    }

    /** The server's address. */
    public String url() {
        return base.toString();
    }

    /** The server's version, such as {@code 0.34.0}. */
    public String version() throws IOException {
        return call("GET", "/api/version", null, QUICK, "").path("version").asText();
    }

    /** Whether a server answers. */
    public boolean running() {
        try {
            version();
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** The models that this machine's Ollama has stored, read without the server. */
    public ModelStore store() throws IOException {
        return ModelStore.open();
    }

    /**
     * Asks and shows the answer under the cell as it comes, as Markdown in the end; a plain program gets it printed.
     *
     * @return the whole answer
     */
    public ChatResponse chat(String model, String text) throws IOException {
        return chat(model, List.of(ChatMessage.user(text)));
    }

    /** As {@link #chat(String, String)}, with more than one message: instructions, an earlier exchange, images. */
    public ChatResponse chat(String model, List<ChatMessage> messages) throws IOException {
        ChatRequest request = ChatRequest.of(model, messages.toArray(ChatMessage[]::new));
        if (!Display.rich()) {
            ChatResponse response = chat(request, piece -> {
                System.out.print(piece.thinking() + piece.text());
                System.out.flush();
            });
            System.out.println();
            return response;
        }
        StringBuilder thinking = new StringBuilder();
        StringBuilder text = new StringBuilder();
        // Nothing is shown before the first piece: an error then stands alone.
        String[] id = {null};
        long[] shown = {0};
        ChatResponse response = chat(request, piece -> {
            thinking.append(piece.thinking());
            text.append(piece.text());
            // A frontend need not draw more often than an eye can follow.
            if (id[0] == null || System.nanoTime() - shown[0] > 50_000_000) {
                show(id, MimeBundle.of(MimeBundle.TEXT, (text.isEmpty() ? thinking : text).toString()));
                shown[0] = System.nanoTime();
            }
        });
        String thoughts = response.thinking().isBlank()
                ? ""
                : "<details><summary>Thinking</summary>\n\n"
                        + response.thinking().strip() + "\n\n</details>\n\n";
        show(id, MimeBundle.of(MimeBundle.TEXT, response.text(), MimeBundle.MARKDOWN, thoughts + response.text()));
        return response;
    }

    private static void show(String[] id, MimeBundle bundle) {
        if (id[0] == null) {
            id[0] = Display.display(bundle);
        } else {
            Display.update(id[0], bundle);
        }
    }

    /** Asks, calls the tools that the model wants called, and gives the whole answer. */
    public ChatResponse chat(ChatRequest request) throws IOException {
        return chat(request, piece -> {});
    }

    /**
     * As {@link #chat(ChatRequest)}, with a callback for each piece as it comes.
     *
     * @param piece gets each piece
     */
    public ChatResponse chat(ChatRequest request, Consumer<ChatResponse> piece) throws IOException {
        ChatRequest now = request;
        for (int round = 0; ; round++) {
            ChatResponse response;
            try (ChatStream stream = stream(now)) {
                response = stream.join(piece);
            }
            if (response.toolCalls().isEmpty() || request.tools().isEmpty() || round == TOOL_ROUNDS) {
                return response;
            }
            List<ChatMessage> messages = new ArrayList<>(now.messages());
            messages.add(response.message());
            for (ChatMessage.ToolCall call : response.toolCalls()) {
                Tool tool = request.tool(call.function().name());
                Object result = tool == null
                        ? "there is no tool " + call.function().name()
                        : tool.call(call.function().arguments());
                messages.add(ChatMessage.tool(call, result instanceof String s ? s : JSON.writeValueAsString(result)));
            }
            now = now.messages(messages);
        }
    }

    /** Asks and gives the answer piece by piece; closing it early stops the server. */
    public ChatStream stream(ChatRequest request) throws IOException {
        return new ChatStream(lines("/api/chat", request, request.model(), between));
    }

    /** Completes a prompt and gives the whole text. */
    public ChatResponse generate(String model, String prompt) throws IOException {
        return generate(GenerateRequest.of(model, prompt), piece -> {});
    }

    /**
     * Completes a prompt, with a callback for each piece as it comes.
     *
     * @return the whole text
     */
    public ChatResponse generate(GenerateRequest request, Consumer<ChatResponse> piece) throws IOException {
        try (ChatStream stream = stream(request)) {
            return stream.join(piece);
        }
    }

    /** Completes a prompt piece by piece; closing it early stops the server. */
    public ChatStream stream(GenerateRequest request) throws IOException {
        return new ChatStream(lines("/api/generate", request, request.model(), between));
    }

    /** A vector for each text, of the model's width. */
    public float[][] embed(String model, List<String> texts) throws IOException {
        JsonNode answer = call("POST", "/api/embed", Map.of("model", model, "input", texts), first, model);
        return JSON.convertValue(answer.path("embeddings"), float[][].class);
    }

    /** The models that the server has. */
    public List<Model> list() throws IOException {
        List<Model> out = new ArrayList<>();
        for (JsonNode m : call("GET", "/api/tags", null, QUICK, "").path("models")) {
            out.add(new Model(
                    name(m),
                    m.path("size").asLong(),
                    m.path("digest").asText(),
                    time(m.path("modified_at")),
                    map(m.path("details"))));
        }
        return out;
    }

    /** The models that are loaded now. */
    public List<RunningModel> ps() throws IOException {
        List<RunningModel> out = new ArrayList<>();
        for (JsonNode m : call("GET", "/api/ps", null, QUICK, "").path("models")) {
            out.add(new RunningModel(
                    name(m),
                    m.path("size").asLong(),
                    m.path("size_vram").asLong(),
                    m.path("context_length").asInt(),
                    time(m.path("expires_at"))));
        }
        return out;
    }

    private static String name(JsonNode model) {
        return model.path("name").asText(model.path("model").asText());
    }

    /** RFC 3339 as Go writes it; the epoch where it is absent or otherwise. */
    private static Instant time(JsonNode text) {
        try {
            return OffsetDateTime.parse(text.asText()).toInstant();
        } catch (DateTimeParseException other) {
            return Instant.EPOCH;
        }
    }

    /** All about a model. */
    public Info show(String model) throws IOException {
        JsonNode i = call("POST", "/api/show", Map.of("model", model), QUICK, model);
        List<String> capabilities = new ArrayList<>();
        i.path("capabilities").forEach(c -> capabilities.add(c.asText()));
        return new Info(
                i.path("modelfile").asText(),
                i.path("template").asText(),
                i.path("parameters").asText(),
                i.path("system").asText(),
                i.path("license").asText(),
                map(i.path("model_info")),
                capabilities);
    }

    /** Gives a model a second name. */
    public void copy(String from, String to) throws IOException {
        call("POST", "/api/copy", Map.of("source", from, "destination", to), QUICK, from);
    }

    /** Deletes a model. */
    public void delete(String model) throws IOException {
        call("DELETE", "/api/delete", Map.of("model", model), QUICK, model);
    }

    /** Unloads a model, which frees the memory that training may need. */
    public void unload(String model) throws IOException {
        call(
                "POST",
                "/api/chat",
                Map.of("model", model, "messages", List.of(), "keep_alive", 0, "stream", false),
                QUICK,
                model);
    }

    /** Fetches a model from the registry, with a progress bar for each layer; goes on where an earlier attempt broke off. */
    public void pull(String model) throws IOException {
        Map<String, Progress> bars = new LinkedHashMap<>();
        try {
            pull(model, bars(bars));
        } finally {
            bars.values().forEach(Progress::close);
        }
    }

    private static Consumer<Status> bars(Map<String, Progress> bars) {
        return s -> {
            if (s.total() > 0) {
                bars.computeIfAbsent(s.digest(), d -> Display.progress(s.total(), s.status()))
                        .at(s.completed());
            }
        };
    }

    /** As {@link #pull(String)}, with a callback. */
    public void pull(String model, Consumer<Status> progress) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                work("/api/pull", Map.of("model", model), model, progress);
                return;
            } catch (OllamaException.BrokenStream broken) {
                if (attempt == PULLS) {
                    throw broken;
                }
            }
        }
    }

    /** Sends a model to the registry, with a progress bar for each layer. */
    public void push(String model) throws IOException {
        Map<String, Progress> bars = new LinkedHashMap<>();
        try {
            push(model, bars(bars));
        } finally {
            bars.values().forEach(Progress::close);
        }
    }

    /** As {@link #push(String)}, with a callback. */
    public void push(String model, Consumer<Status> progress) throws IOException {
        work("/api/push", Map.of("model", model), model, progress);
    }

    /**
     * Makes a model.
     *
     * @param model its name
     * @param settings {@code /api/create}'s fields: {@code files} and {@code adapters} (file names with their blobs' digests),
     *     {@code from}, {@code template}, {@code system}, {@code parameters}, {@code license}
     */
    public void create(String model, Map<String, Object> settings, Consumer<Status> progress) throws IOException {
        Map<String, Object> body = new LinkedHashMap<>(settings);
        body.put("model", model);
        work("/api/create", body, model, progress);
    }

    /** Whether the server has a blob of this digest ({@code sha256:} and 64 hexadecimal digits). */
    public boolean hasBlob(String digest) throws IOException {
        HttpResponse<InputStream> answer =
                send(request("HEAD", "/api/blobs/" + digest, BodyPublishers.noBody(), QUICK), "");
        answer.body().close();
        return answer.statusCode() == 200;
    }

    /**
     * Sends a file as a blob, unless the server has it.
     *
     * @param sent told how many bytes have gone
     * @return its digest, {@code sha256:} and 64 hexadecimal digits
     */
    public String uploadBlob(Path file, LongConsumer sent) throws IOException {
        String digest = "sha256:" + Sha256.hex(file);
        if (hasBlob(digest)) {
            sent.accept(Files.size(file));
            return digest;
        }
        BodyPublisher body = BodyPublishers.fromPublisher(
                BodyPublishers.ofInputStream(() -> counted(file, sent)), Math.max(1, Files.size(file)));
        try {
            expectSuccess(send(request("POST", "/api/blobs/" + digest, body, Duration.ofHours(6)), ""), "");
        } catch (IOException failed) {
            // A server that has the blob by now may answer before all is sent and hang up.
            if (!hasBlob(digest)) {
                throw failed;
            }
        }
        return digest;
    }

    private static InputStream counted(Path file, LongConsumer sent) {
        try {
            return new FilterInputStream(Files.newInputStream(file)) {
                private long count;

                @Override
                public int read(byte[] bytes, int offset, int length) throws IOException {
                    int n = super.read(bytes, offset, length);
                    if (n > 0) {
                        count += n;
                        sent.accept(count);
                    }
                    return n;
                }
            };
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads a stream of status lines to its end. */
    private void work(String path, Map<String, Object> body, String model, Consumer<Status> progress)
            throws IOException {
        // Between two lines a server may digest or convert a file of many gigabytes.
        try (JsonLines lines = lines(path, body, model, first)) {
            String last = "";
            for (StatusLine line = lines.next(STATUS); line != null; line = lines.next(STATUS)) {
                last = line.status() == null ? "" : line.status();
                progress.accept(
                        new Status(last, line.digest() == null ? "" : line.digest(), line.total(), line.completed()));
            }
            if (!last.equals("success")) {
                throw new OllamaException.BrokenStream(path + " ended after \"" + last + "\" without success", null);
            }
        }
    }

    private JsonLines lines(String path, Object body, String model, Duration silence) throws IOException {
        JsonLines lines = new JsonLines(base + path, model, first, silence);
        HttpResponse<Optional<InputStream>> answer = exchange(
                request("POST", path, BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)), first),
                info -> info.statusCode() == 200
                        ? lines
                        : BodySubscribers.mapping(BodySubscribers.ofInputStream(), Optional::of));
        if (answer.body().isPresent()) {
            throw failure(answer.statusCode(), answer.body().get(), path, model);
        }
        return lines;
    }

    private JsonNode call(String method, String path, Object body, Duration timeout, String model) throws IOException {
        BodyPublisher publisher =
                body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body));
        return expectSuccess(send(request(method, path, publisher, timeout), model), model);
    }

    private JsonNode expectSuccess(HttpResponse<InputStream> answer, String model) throws IOException {
        if (answer.statusCode() / 100 != 2) {
            throw failure(answer.statusCode(), answer.body(), answer.uri().getPath(), model);
        }
        byte[] body;
        try (InputStream in = answer.body()) {
            body = in.readAllBytes();
        }
        try {
            return body.length == 0 ? JSON.createObjectNode() : JSON.readTree(body);
        } catch (JacksonException broken) {
            throw new OllamaException.NotOllama(
                    answer.uri().toString(), answer.statusCode(), new String(body, StandardCharsets.UTF_8), broken);
        }
    }

    private OllamaException failure(int status, InputStream body, String path, String model) throws IOException {
        String text;
        try (body) {
            text = new String(body.readNBytes(1 << 16), StandardCharsets.UTF_8);
        }
        try {
            JsonNode error = JSON.readTree(text).path("error");
            if (!error.isMissingNode()) {
                return OllamaException.of(status, OllamaException.words(error), model);
            }
        } catch (JacksonException notJson) {
            return new OllamaException.NotOllama(base + path, status, text, notJson);
        }
        return new OllamaException.NotOllama(base + path, status, text, null);
    }

    private HttpRequest request(String method, String path, BodyPublisher body, Duration timeout) {
        return HttpRequest.newBuilder(URI.create(base + path))
                .method(method, body)
                .header("Content-Type", "application/json")
                .timeout(timeout)
                .build();
    }

    private HttpResponse<InputStream> send(HttpRequest request, String model) throws IOException {
        return exchange(request, BodyHandlers.ofInputStream());
    }

    private <T> HttpResponse<T> exchange(HttpRequest request, HttpResponse.BodyHandler<T> handler) throws IOException {
        try {
            return http.send(request, handler);
        } catch (ConnectException | HttpConnectTimeoutException e) {
            throw new OllamaException.NotRunning(url(), e);
        } catch (HttpTimeoutException e) {
            throw new OllamaException.BrokenStream(
                    "no answer from " + request.uri() + " within "
                            + request.timeout().orElse(CONNECT).toSeconds() + " seconds",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for " + request.uri());
        } catch (OllamaException e) {
            throw e;
        } catch (IOException e) {
            throw new OllamaException.BrokenStream(
                    "the connection to " + request.uri() + " broke (" + e.getMessage() + ")", e);
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(JsonNode json) {
        return json.isObject() ? JSON.convertValue(json, Map.class) : Map.of();
    }
}
