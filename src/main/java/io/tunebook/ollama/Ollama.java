package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.ollama.AnswerDisplay.LayerProgress;
import io.tunebook.ollama.OllamaHttp.OllamaHost;
import io.tunebook.ollama.store.ModelStore;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * A client of Ollama's HTTP interface. Safe for several threads; its connections end with it.
 *
 * <p>A call waits 5 seconds for a connection, up to 10 minutes for the first token (the model may have to be loaded)
 * and 2 minutes between tokens. Failures are {@link OllamaException}s with the server's words and what to do.
 *
 * @see <a href="https://docs.ollama.com/api">Ollama's interface</a>
 */
public final class Ollama {
    private static final ObjectMapper JSON = Json.wire();
    private static final ObjectReader STATUS = JSON.readerFor(StatusLine.class);
    private static final Duration QUICK = Duration.ofSeconds(60);
    private static final Duration FIRST = Duration.ofMinutes(10);
    private static final Duration BETWEEN = Duration.ofMinutes(2);
    /** How often a pull that broke off begins again; the server goes on where it was. */
    private static final int PULLS = 5;
    /** How often tools are called for one answer. */
    private static final int TOOL_ROUNDS = 8;

    private final URI base;
    private final OllamaHttp http;
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
        this.http = new OllamaHttp(base, first);
    }

    /** The server that {@code OLLAMA_HOST} names, else {@code http://127.0.0.1:11434}. Nothing is sent yet. */
    public static Ollama connect() {
        String host = System.getenv("OLLAMA_HOST");
        return connect(host == null ? "" : host);
    }

    /**
     * The server at an address, in any form that {@code OLLAMA_HOST} may have: {@code host}, {@code host:port},
     * {@code :port}, {@code https://host/path}; 0.0.0.0 and :: mean this machine.
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
        return http.call("GET", "/api/version", null, QUICK, "").path("version").asText();
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
        AnswerDisplay display = new AnswerDisplay();
        ChatResponse response = chat(ChatRequest.of(model, messages.toArray(ChatMessage[]::new)), display::piece);
        display.end(response);
        return response;
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
        return new ChatStream(http.lines("/api/chat", request, request.model(), between));
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
        return new ChatStream(http.lines("/api/generate", request, request.model(), between));
    }

    /** A vector for each text, of the model's width. */
    public float[][] embed(String model, List<String> texts) throws IOException {
        JsonNode answer = http.call("POST", "/api/embed", Map.of("model", model, "input", texts), first, model);
        return JSON.convertValue(answer.path("embeddings"), float[][].class);
    }

    /** The models that the server has. */
    public List<Model> list() throws IOException {
        return ModelAnswers.stored(http.call("GET", "/api/tags", null, QUICK, ""));
    }

    /** The models that are loaded now. */
    public List<RunningModel> ps() throws IOException {
        return ModelAnswers.running(http.call("GET", "/api/ps", null, QUICK, ""));
    }

    /** All about a model. */
    public Info show(String model) throws IOException {
        return ModelAnswers.info(http.call("POST", "/api/show", Map.of("model", model), QUICK, model));
    }

    /** Gives a model a second name. */
    public void copy(String from, String to) throws IOException {
        http.call("POST", "/api/copy", Map.of("source", from, "destination", to), QUICK, from);
    }

    /** Deletes a model. */
    public void delete(String model) throws IOException {
        http.call("DELETE", "/api/delete", Map.of("model", model), QUICK, model);
    }

    /** Unloads a model, which frees the memory that training may need. */
    public void unload(String model) throws IOException {
        http.call(
                "POST",
                "/api/chat",
                Map.of("model", model, "messages", List.of(), "keep_alive", 0, "stream", false),
                QUICK,
                model);
    }

    /**
     * Fetches a model from the registry, with a progress bar for each layer; goes on where an earlier attempt broke
     * off.
     */
    public void pull(String model) throws IOException {
        try (LayerProgress bars = new LayerProgress()) {
            pull(model, bars);
        }
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
        try (LayerProgress bars = new LayerProgress()) {
            push(model, bars);
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
     * @param settings {@code /api/create}'s fields: {@code files} and {@code adapters} (file names with their blobs'
     *     digests), {@code from}, {@code template}, {@code system}, {@code parameters}, {@code license}
     */
    public void create(String model, Map<String, Object> settings, Consumer<Status> progress) throws IOException {
        Map<String, Object> body = new LinkedHashMap<>(settings);
        body.put("model", model);
        work("/api/create", body, model, progress);
    }

    /** Whether the server has a blob of this digest ({@code sha256:} and 64 hexadecimal digits). */
    public boolean hasBlob(String digest) throws IOException {
        return http.head("/api/blobs/" + digest, QUICK) == 200;
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
        try {
            http.upload("/api/blobs/" + digest, file, sent);
        } catch (IOException failed) {
            // A server that has the blob by now may answer before all is sent and hang up.
            if (!hasBlob(digest)) {
                throw failed;
            }
        }
        return digest;
    }

    /** Reads a stream of status lines to its end. */
    private void work(String path, Map<String, Object> body, String model, Consumer<Status> progress)
            throws IOException {
        // Between two lines a server may digest or convert a file of many gigabytes.
        try (JsonLines lines = http.lines(path, body, model, first)) {
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
}
