package io.tunebook.ollama;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A small server that speaks as Ollama does, in this process, for GGUF files: chat, generate, embed, tags, show, ps, version, create
 * (with adapters), copy, delete, blobs and the pull of a local file. llama.cpp computes, through its Java bindings.
 *
 * <p>It listens on the loopback address alone and answers only to names of this machine, and to pages of this machine, as Ollama does.
 * Prompts are made by the GGUF file's own chat template; templates in Go's syntax are kept and shown, not run; tools are refused.
 */
public final class EmbeddedOllama implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** The last version of Ollama whose {@code create} takes adapters, as this one does. */
    private static final String VERSION = "0.34.0";

    private static final Duration KEEP_ALIVE = Duration.ofMinutes(5);
    private static final int CONTEXT = 4096;
    private static final Pattern BLOB = Pattern.compile("/api/blobs/sha256[:-]([0-9a-f]{64})");
    private static final Pattern BLOBS = Pattern.compile("/api/blobs/.*");
    private static final Set<String> ROUTES = Set.of(
            "/",
            "/api/version",
            "/api/tags",
            "/api/ps",
            "/api/show",
            "/api/chat",
            "/api/generate",
            "/api/embed",
            "/api/embeddings",
            "/api/create",
            "/api/pull",
            "/api/copy",
            "/api/delete");
    private static final Pattern TIME = Pattern.compile("(-?\\d+(?:\\.\\d+)?)(ms|s|m|h)");
    private static final Pattern ORIGIN = Pattern.compile(
            "https?://(?:localhost|127\\.0\\.0\\.1|0\\.0\\.0\\.0)(?::\\d+)?|(?:app|file|tauri|vscode-webview|vscode-file|chrome-extension"
                    + "|safari-extension|moz-extension|ms-browser-extension)://.*");

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool(EmbeddedOllama::daemon);
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(EmbeddedOllama::daemon);
    private final Map<String, ServedModel> models = new ConcurrentHashMap<>();
    private final Map<String, Loaded> loaded = new LinkedHashMap<>();
    private final Map<Path, Optional<Tokenizer>> tokenizers = new ConcurrentHashMap<>();
    private final Path blobs;

    /** A model in memory; guarded by {@link #loaded}. */
    private static final class Loaded {
        final ServedModel model;
        final Runner runner;
        Instant expires = Instant.MAX;
        int users;
        ScheduledFuture<?> unload;

        Loaded(ServedModel model, Runner runner) {
            this.model = model;
            this.runner = runner;
        }
    }

    /** An answer that is an error, with Ollama's status and words; without a body where it has no words. */
    private static final class Refusal extends RuntimeException {
        final int status;

        Refusal(int status, String words) {
            super(words, null, false, false);
            this.status = status;
        }
    }

    private EmbeddedOllama(int port) throws IOException {
        blobs = Files.createTempDirectory("tunebook-ollama");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
    }

    /** Serves a GGUF file under its own name, on a free port. */
    public static EmbeddedOllama start(Path gguf) throws IOException {
        String file = gguf.getFileName().toString();
        return start(gguf, file.replaceFirst("\\.gguf$", "").replaceAll("[^A-Za-z0-9_.-]", "-"));
    }

    /** Serves a GGUF file under a name, on a free port. */
    public static EmbeddedOllama start(Path gguf, String name) throws IOException {
        return start(gguf, name, 0);
    }

    /**
     * Serves a GGUF file.
     *
     * @param name what clients call the model
     * @param port the port on the loopback address; 0 for any that is free
     */
    public static EmbeddedOllama start(Path gguf, String name, int port) throws IOException {
        EmbeddedOllama ollama = new EmbeddedOllama(port);
        try {
            ollama.add(name, ServedModel.of(gguf.toAbsolutePath(), List.of(), "", "", Map.of(), ""));
            ollama.server.start();
            return ollama;
        } catch (Throwable failure) {
            ollama.close();
            throw failure;
        }
    }

    /** {@code --model FILE [--name NAME] [--port N]}: serves until the process ends; port 11434 unless said otherwise. */
    public static void main(String[] args) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i], args[i + 1]);
        }
        if (args.length % 2 != 0
                || !options.containsKey("--model")
                || !List.of("--model", "--name", "--port").containsAll(options.keySet())) {
            System.err.println("usage: EmbeddedOllama --model FILE.gguf [--name NAME] [--port 11434]");
            System.exit(2);
        }
        Path gguf = Path.of(options.get("--model"));
        String name =
                options.getOrDefault("--name", gguf.getFileName().toString().replaceFirst("\\.gguf$", ""));
        EmbeddedOllama ollama = start(gguf, name, Integer.parseInt(options.getOrDefault("--port", "11434")));
        System.out.println(ollama);
        Runtime.getRuntime().addShutdownHook(new Thread(ollama::close));
        // The server's threads are daemons: this one keeps the process.
        try {
            Thread.currentThread().join();
        } catch (InterruptedException end) {
            ollama.close();
        }
    }

    /** The server's address, such as {@code http://127.0.0.1:11434}. */
    public String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** The address and the models. */
    @Override
    public String toString() {
        return url() + " serves " + String.join(", ", new TreeSet<>(models.keySet()));
    }

    /** Stops the server, unloads its models and deletes the blobs that were sent. */
    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
        clock.shutdownNow();
        List<Loaded> all;
        synchronized (loaded) {
            all = new ArrayList<>(loaded.values());
            loaded.clear();
        }
        all.forEach(l -> l.runner.close());
        tokenizers.values().forEach(t -> t.ifPresent(Tokenizer::close));
        try (var files = Files.list(blobs)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(blobs);
        } catch (IOException left) {
            // A folder of temporary files that the system clears.
        }
    }

    private static Thread daemon(Runnable run) {
        Thread thread = new Thread(run, "embedded-ollama");
        thread.setDaemon(true);
        return thread;
    }

    // ---- routes

    private void handle(HttpExchange exchange) {
        try (exchange) {
            try {
                checkLocal(exchange);
                route(exchange);
            } catch (Refusal refusal) {
                if (refusal.getMessage().isEmpty()) {
                    exchange.sendResponseHeaders(refusal.status, -1);
                } else {
                    send(exchange, refusal.status, error(refusal.getMessage()));
                }
            } catch (JacksonException broken) {
                send(exchange, 400, error("invalid JSON: " + broken.getOriginalMessage()));
            } catch (IllegalArgumentException wrong) {
                send(exchange, 400, error(String.valueOf(wrong.getMessage())));
            } catch (InterruptedException stopped) {
                send(exchange, 503, error("server is shutting down"));
            } catch (RuntimeException failure) {
                send(exchange, 500, error(failure.toString()));
            }
        } catch (IOException gone) {
            // The client went away: there is nobody to tell.
        }
    }

    /**
     * Ollama's two guards against pages of the web that reach for servers of this machine: the origin is a local one, and the host is
     * a name of this machine or an address that no public name server would give ({@code server/routes.go}).
     */
    private static void checkLocal(HttpExchange exchange) throws IOException {
        String host = exchange.getRequestHeaders().getFirst("Host");
        String origin = exchange.getRequestHeaders().getFirst("Origin");
        boolean same = origin != null && origin.matches("https?://" + Pattern.quote(String.valueOf(host)));
        if (origin != null && !same) {
            if (!ORIGIN.matcher(origin).matches()) {
                throw new Refusal(403, "");
            }
            exchange.getResponseHeaders().set("Access-Control-Allow-Origin", origin);
            exchange.getResponseHeaders().set("Vary", "Origin");
        }
        if (!isLocal(host == null ? "" : host.replaceFirst(":\\d+$", "").toLowerCase(Locale.ROOT))) {
            throw new Refusal(403, "");
        }
    }

    private static boolean isLocal(String host) throws IOException {
        String bare = host.replaceAll("[\\[\\]]", "");
        // A literal address; a name would be asked of a name server.
        if (bare.matches("\\d+\\.\\d+\\.\\d+\\.\\d+|[0-9a-f:.]*:[0-9a-f:.]*")) {
            InetAddress address;
            try {
                address = InetAddress.getByName(bare);
            } catch (UnknownHostException noAddress) {
                return false;
            }
            boolean uniqueLocal = address instanceof Inet6Address && (address.getAddress()[0] & 0xfe) == 0xfc;
            return address.isLoopbackAddress()
                    || address.isAnyLocalAddress()
                    || address.isSiteLocalAddress()
                    || uniqueLocal
                    || NetworkInterface.getByInetAddress(address) != null;
        }
        return host.isEmpty()
                || host.equals("localhost")
                || host.endsWith(".localhost")
                || host.endsWith(".local")
                || host.endsWith(".internal")
                || host.equalsIgnoreCase(InetAddress.getLocalHost().getHostName());
    }

    private void route(HttpExchange exchange) throws IOException, InterruptedException {
        String path = exchange.getRequestURI().getPath();
        String method = exchange.getRequestMethod();
        Matcher blob = BLOB.matcher(path);
        if (method.equals("OPTIONS")) {
            exchange.getResponseHeaders().set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, HEAD, OPTIONS");
            exchange.getResponseHeaders()
                    .set("Access-Control-Allow-Headers", "Authorization, Content-Type, User-Agent, Accept");
            exchange.sendResponseHeaders(204, -1);
        } else if (blob.matches()) {
            blob(exchange, blobs.resolve("sha256-" + blob.group(1)), blob.group(1));
        } else if (BLOBS.matcher(path).matches()) {
            throw new Refusal(400, "invalid digest format");
        } else {
            switch (method + " " + path) {
                case "GET /", "HEAD /" -> text(exchange, 200, "Ollama is running");
                case "GET /api/version", "HEAD /api/version" ->
                    send(exchange, 200, JSON.createObjectNode().put("version", VERSION));
                case "GET /api/tags", "HEAD /api/tags" -> send(exchange, 200, tags());
                case "GET /api/ps" -> send(exchange, 200, ps());
                case "POST /api/show" -> send(exchange, 200, show(body(exchange)));
                case "POST /api/chat" -> answer(exchange, body(exchange), true);
                case "POST /api/generate" -> answer(exchange, body(exchange), false);
                case "POST /api/embed" -> send(exchange, 200, embed(body(exchange)));
                case "POST /api/embeddings" -> send(exchange, 200, embedding(body(exchange)));
                case "POST /api/create" -> create(exchange, body(exchange));
                case "POST /api/pull" -> pull(exchange, body(exchange));
                case "POST /api/copy" -> copy(exchange, body(exchange));
                case "DELETE /api/delete" -> delete(exchange, body(exchange));
                default -> {
                    boolean known = ROUTES.contains(path);
                    text(exchange, known ? 405 : 404, known ? "405 method not allowed" : "404 page not found");
                }
            }
        }
    }

    private void copy(HttpExchange exchange, JsonNode body) throws IOException {
        String source = body.path("source").asText();
        String destination = body.path("destination").asText();
        requireName(source, "source \"" + source + "\" is invalid");
        requireName(destination, "destination \"" + destination + "\" is invalid");
        ServedModel model = models.get(key(source));
        if (model == null) {
            throw new Refusal(404, "model \"" + source + "\" not found");
        }
        add(destination, model);
        exchange.sendResponseHeaders(200, -1);
    }

    private void delete(HttpExchange exchange, JsonNode body) throws IOException {
        String name = body.path("model").asText(body.path("name").asText());
        requireName(name, "name \"" + name + "\" is invalid");
        model(name);
        models.remove(key(name));
        unload(key(name));
        unload(key(name) + " embedding");
        exchange.sendResponseHeaders(200, -1);
    }

    private static void requireName(String name, String otherwise) {
        try {
            ModelName.of(name);
        } catch (IllegalArgumentException invalid) {
            throw new Refusal(400, otherwise);
        }
    }

    private static JsonNode body(HttpExchange exchange) throws IOException {
        byte[] bytes = exchange.getRequestBody().readAllBytes();
        if (bytes.length == 0) {
            throw new Refusal(400, "missing request body");
        }
        return JSON.readTree(bytes);
    }

    private static ObjectNode error(String words) {
        return JSON.createObjectNode().put("error", words);
    }

    private static void send(HttpExchange exchange, int status, Object json) throws IOException {
        if (exchange.getResponseCode() != -1) {
            // Too late for a status: the error becomes the stream's last line.
            line(exchange, json);
            return;
        }
        exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
        write(exchange, status, JSON.writeValueAsBytes(json));
    }

    private static void text(HttpExchange exchange, int status, String text) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        write(exchange, status, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void write(HttpExchange exchange, int status, byte[] bytes) throws IOException {
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(status, -1);
        } else {
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    private static void line(HttpExchange exchange, Object json) throws IOException {
        if (exchange.getResponseCode() == -1) {
            exchange.getResponseHeaders().set("Content-Type", "application/x-ndjson");
            exchange.sendResponseHeaders(200, 0);
        }
        OutputStream out = exchange.getResponseBody();
        out.write(JSON.writeValueAsBytes(json));
        out.write('\n');
        out.flush();
    }

    // ---- models

    private static String key(String name) {
        return ModelName.of(name).toString().toLowerCase(Locale.ROOT);
    }

    private static String name(JsonNode body) {
        String name = body.path("model").asText(body.path("name").asText(""));
        if (name.isEmpty()) {
            throw new Refusal(400, "model is required");
        }
        return name;
    }

    private void add(String name, ServedModel model) {
        models.put(ModelName.of(name).toString().toLowerCase(Locale.ROOT), model);
    }

    private ServedModel model(String name) {
        ServedModel model = null;
        try {
            model = models.get(key(name));
        } catch (IllegalArgumentException noName) {
            // is not there either
        }
        if (model == null) {
            throw new Refusal(404, "model '" + name + "' not found");
        }
        return model;
    }

    private ObjectNode tags() {
        ObjectNode out = JSON.createObjectNode();
        var list = out.putArray("models");
        models.forEach((name, m) ->
                list.add(entry(name, m).put("modified_at", m.modified().toString())));
        return out;
    }

    private static ObjectNode entry(String name, ServedModel model) {
        ObjectNode out = JSON.createObjectNode()
                .put("name", name)
                .put("model", name)
                .put("size", model.bytes())
                .put("digest", model.digest());
        out.set("details", JSON.valueToTree(model.details()));
        return out;
    }

    private ObjectNode ps() {
        ObjectNode out = JSON.createObjectNode();
        var list = out.putArray("models");
        synchronized (loaded) {
            loaded.forEach((name, l) -> list.add(entry(name, l.model)
                    .put("size_vram", 0)
                    .put("context_length", l.runner.context())
                    .put(
                            "expires_at",
                            (l.expires.equals(Instant.MAX) ? Instant.parse("2318-01-01T00:00:00Z") : l.expires)
                                    .toString())));
        }
        return out;
    }

    private ObjectNode show(JsonNode body) {
        String name = name(body);
        ServedModel m = model(name);
        List<String> parameters = new ArrayList<>();
        StringBuilder modelfile = new StringBuilder("# Modelfile generated by \"ollama show\"\n"
                + "# To build a new Modelfile based on this, replace FROM with:\n# FROM " + ModelName.of(name)
                + "\n\nFROM " + m.gguf() + "\n");
        String template = m.template().isEmpty() ? m.chatTemplate() : m.template();
        m.adapters().forEach(a -> modelfile.append("ADAPTER ").append(a).append('\n'));
        modelfile.append("TEMPLATE \"\"\"").append(template).append("\"\"\"\n");
        if (!m.system().isEmpty()) {
            modelfile.append("SYSTEM \"\"\"").append(m.system()).append("\"\"\"\n");
        }
        m.parameters().forEach((key, value) -> {
            for (Object each : value instanceof List<?> many ? many : List.of(value)) {
                parameters.add(
                        String.format(Locale.ROOT, "%-30s %s", key, each instanceof String s ? "\"" + s + "\"" : each));
                modelfile
                        .append("PARAMETER ")
                        .append(key)
                        .append(' ')
                        .append(each)
                        .append('\n');
            }
        });
        if (!m.license().isEmpty()) {
            modelfile.append("LICENSE \"\"\"").append(m.license()).append("\"\"\"\n");
        }
        Map<String, Object> info = new LinkedHashMap<>(m.metadata());
        info.keySet().removeAll(List.of("general.name", "tokenizer.chat_template"));
        ObjectNode out = JSON.createObjectNode()
                .put("license", m.license())
                .put("modelfile", modelfile.toString())
                .put("parameters", String.join("\n", parameters))
                .put("template", template)
                .put("system", m.system())
                .put("modified_at", m.modified().toString());
        // An empty field is left out, as Go's encoding does.
        List.of("license", "parameters", "system").forEach(f -> {
            if (out.get(f).asText().isEmpty()) {
                out.remove(f);
            }
        });
        out.set("details", JSON.valueToTree(m.details()));
        out.set("model_info", JSON.valueToTree(info));
        out.set("capabilities", JSON.valueToTree(m.capabilities()));
        return out;
    }

    // ---- running

    /** The model in memory, loaded if it is not; it stays until {@link #release} sets its time. */
    private Loaded load(String slot, ServedModel model, int context, boolean embedding) {
        synchronized (loaded) {
            Loaded there = loaded.get(slot);
            // Another context is another load, but not while somebody uses the model.
            if (there != null && there.users == 0 && (there.model != model || there.runner.context() != context)) {
                unload(slot);
                there = null;
            }
            if (there == null) {
                there = new Loaded(model, new Runner(model.gguf(), model.adapters(), context, embedding));
                loaded.put(slot, there);
            }
            if (there.unload != null) {
                there.unload.cancel(false);
            }
            there.expires = Instant.MAX;
            there.users++;
            return there;
        }
    }

    /** The last who uses a model says how long it stays; one that was unloaded meanwhile goes at once. */
    private void release(String slot, Loaded model, Duration time) {
        synchronized (loaded) {
            if (--model.users > 0) {
                return;
            }
            if (loaded.get(slot) != model) {
                model.runner.close();
            } else if (time.isZero()) {
                unload(slot);
            } else if (!time.isNegative()) {
                model.expires = Instant.now().plus(time);
                model.unload = clock.schedule(() -> expire(slot, model), time.toMillis(), TimeUnit.MILLISECONDS);
            }
        }
    }

    private void expire(String slot, Loaded model) {
        synchronized (loaded) {
            if (loaded.get(slot) == model && model.users == 0) {
                unload(slot);
            }
        }
    }

    /** New requests load the model anew; those that are in it or wait for it are still served. */
    private void unload(String slot) {
        synchronized (loaded) {
            Loaded there = loaded.remove(slot);
            if (there != null && there.users == 0) {
                there.runner.close();
            }
        }
    }

    /** Seconds, or Go's notation such as {@code 1h30m}; negative for ever. */
    private static Duration keepAlive(JsonNode value) {
        if (value.isNumber()) {
            return Duration.ofMillis(Math.round(value.asDouble() * 1000));
        }
        if (!value.isTextual()) {
            return KEEP_ALIVE;
        }
        Matcher m = TIME.matcher(value.asText());
        Duration sum = Duration.ZERO;
        int end = 0;
        while (m.find() && m.start() == end) {
            double unit =
                    switch (m.group(2)) {
                        case "ms" -> 1;
                        case "s" -> 1000;
                        case "m" -> 60_000;
                        default -> 3_600_000;
                    };
            sum = sum.plusMillis(Math.round(Double.parseDouble(m.group(1)) * unit));
            end = m.end();
        }
        if (end == 0 || end != value.asText().length()) {
            throw new Refusal(400, "time: invalid duration \"" + value.asText() + "\"");
        }
        return sum;
    }

    private static JsonNode options(ServedModel model, JsonNode body) {
        ObjectNode options = JSON.valueToTree(model.parameters());
        if (body.path("options").isObject()) {
            options.setAll((ObjectNode) body.get("options"));
        }
        return options;
    }

    /** Chat and generate: a prompt, an answer, one line a piece or one object at the end. */
    private void answer(HttpExchange exchange, JsonNode body, boolean chat) throws IOException, InterruptedException {
        long start = System.nanoTime();
        String name = body.path("model").asText();
        if (chat && name.isEmpty()) {
            throw new Refusal(400, "model is required");
        }
        ServedModel model = model(name);
        String slot = key(name);
        boolean nothing = chat
                ? body.path("messages").isEmpty()
                : body.path("prompt").asText().isEmpty();
        Duration keepAlive = keepAlive(body.path("keep_alive"));
        if (nothing && keepAlive.isZero()) {
            unload(slot);
            send(exchange, 200, piece(name, chat, "", "", true).put("done_reason", "unload"));
            return;
        }
        boolean raw = !chat && body.path("raw").asBoolean(false);
        if (raw && (body.hasNonNull("system") || body.hasNonNull("template") || body.hasNonNull("context"))) {
            throw new Refusal(400, "raw mode does not support template, system, or context");
        }
        if (!body.path("tools").isEmpty()) {
            throw new Refusal(400, ModelName.of(name).full() + " does not support tools");
        }
        if (thinks(body.path("think")) && body.hasNonNull("think") && !model.thinks()) {
            throw new Refusal(400, "\"" + name + "\" does not support thinking");
        }
        boolean think = model.thinks() && thinks(body.path("think"));
        String grammar = grammar(body.path("format"));
        JsonNode options = options(model, body);
        Loaded there = load(slot, model, context(model, body), false);
        try {
            long load = System.nanoTime() - start;
            if (nothing) {
                send(exchange, 200, piece(name, chat, "", "", true).put("done_reason", "load"));
                return;
            }
            String prompt = raw
                    ? body.path("prompt").asText()
                    : prompt(
                            there,
                            messages(model, body, chat),
                            think,
                            !chat || !body.path("truncate").asBoolean(true));
            if (body.path("_debug_render_only").asBoolean(false)) {
                ObjectNode rendered = piece(name, chat, "", "", false);
                rendered.putObject("_debug_info").put("rendered_template", prompt);
                send(exchange, 200, rendered);
                return;
            }
            boolean stream = body.path("stream").asBoolean(true);
            ThinkingSplitter splitter = new ThinkingSplitter(prompt);
            StringBuilder text = new StringBuilder();
            StringBuilder thinking = new StringBuilder();
            Runner.Figures thought = new Runner.Figures(0, 0, 0, 0, false);
            String then = prompt;
            if (think && grammar != null) {
                // Only the answer has to fit the schema: the thoughts before it are free, and end the first run.
                StringBuilder free = new StringBuilder();
                thought = there.runner.complete(prompt, options, null, piece -> {
                    free.append(piece);
                    ThinkingSplitter.Piece p = splitter.push(piece);
                    give(exchange, name, chat, stream, new ThinkingSplitter.Piece(p.thinking(), ""), text, thinking);
                    return !splitter.answering();
                });
                int end = free.indexOf("</think>");
                then = end < 0 ? prompt : prompt + free.substring(0, end) + "</think>\n\n";
            }
            Runner.Figures figures = thought;
            if (!thought.full()) {
                boolean splits = think && grammar == null;
                figures = there.runner.complete(then, options, grammar, piece -> {
                    ThinkingSplitter.Piece p = splits ? splitter.push(piece) : new ThinkingSplitter.Piece("", piece);
                    give(exchange, name, chat, stream, p, text, thinking);
                    return true;
                });
                if (splits) {
                    give(exchange, name, chat, stream, splitter.end(), text, thinking);
                }
            }
            ObjectNode last = stream
                    ? piece(name, chat, "", "", true)
                    : piece(name, chat, text.toString(), thinking.toString(), true);
            last.put("done_reason", figures.full() ? "length" : "stop");
            if (!chat && !raw) {
                last.set("context", JSON.valueToTree(there.runner.tokens(prompt + thinking + text)));
            }
            boolean again = figures != thought;
            last.put("total_duration", System.nanoTime() - start)
                    .put("load_duration", load)
                    .put(
                            "prompt_eval_count",
                            thought.promptTokens() == 0 ? figures.promptTokens() : thought.promptTokens())
                    .put("prompt_eval_duration", figures.promptTime() + (again ? thought.promptTime() : 0))
                    .put("eval_count", figures.tokens() + (again ? thought.tokens() : 0))
                    .put("eval_duration", figures.time() + (again ? thought.time() : 0));
            if (stream) {
                line(exchange, last);
            } else {
                send(exchange, 200, last);
            }
        } finally {
            release(slot, there, keepAlive);
        }
    }

    /** Thinking is on where nobody says otherwise; a level such as {@code high} is a yes. */
    private static boolean thinks(JsonNode think) {
        return think.isMissingNode() || think.isNull() || think.isTextual() || think.asBoolean();
    }

    /**
     * The prompt for messages, by the model's own chat template, with the beginning of the answer. Where all messages do not fit into
     * the context the oldest are left out, the system's kept.
     */
    private String prompt(Loaded there, List<ChatMessage> messages, boolean think, boolean whole)
            throws InterruptedException {
        for (int from = 0; ; from++) {
            int first = from;
            List<ChatMessage> kept = new ArrayList<>();
            for (int i = 0; i < messages.size(); i++) {
                if (i >= first || messages.get(i).role().equals("system")) {
                    kept.add(messages.get(i));
                }
            }
            String prompt = render(there, kept, think);
            if (whole || from >= messages.size() - 1 || there.runner.tokens(prompt).length < there.runner.context()) {
                return prompt;
            }
        }
    }

    private String render(Loaded there, List<ChatMessage> messages, boolean think) {
        Optional<Tokenizer> known = tokenizers.computeIfAbsent(there.model.gguf(), EmbeddedOllama::tokenizer);
        if (known.isEmpty()) {
            // As Ollama's template for such models, {{ .Prompt }}, does.
            return messages.stream().map(ChatMessage::content).collect(Collectors.joining("\n"));
        }
        Tokenizer tokenizer = known.get();
        List<Map<String, Object>> turns = new ArrayList<>();
        for (ChatMessage m : messages) {
            turns.add(Map.of("role", m.role(), "content", m.content() == null ? "" : m.content()));
        }
        String prompt = tokenizer
                .chatTemplate()
                .render(Map.of("messages", turns, "add_generation_prompt", true, "enable_thinking", think));
        // llama.cpp puts the beginning of a sequence before every prompt of a model that wants it: one is enough.
        int[] ids = tokenizer.ids(prompt, true);
        boolean twice = ids.length > 1
                && tokenizer.bosId().isPresent()
                && ids[0] == tokenizer.bosId().getAsInt()
                && ids[1] == ids[0]
                && tokenizer.ids(prompt, false).length < ids.length;
        return twice ? prompt.substring(tokenizer.token(ids[0]).length()) : prompt;
    }

    /** The tokenizer whose chat template makes prompts; empty where the file has no template, or none that is known here. */
    private static Optional<Tokenizer> tokenizer(Path gguf) {
        try {
            Tokenizer tokenizer = Tokenizer.load(gguf);
            if (tokenizer.hasChatTemplate()) {
                return Optional.of(tokenizer);
            }
            tokenizer.close();
        } catch (IOException unknown) {
            // llama.cpp may know it all the same: the text then goes as it is.
        }
        return Optional.empty();
    }

    private static void give(
            HttpExchange exchange,
            String name,
            boolean chat,
            boolean stream,
            ThinkingSplitter.Piece p,
            StringBuilder text,
            StringBuilder thinking)
            throws IOException {
        if (p.content().isEmpty() && p.thinking().isEmpty()) {
            return;
        }
        text.append(p.content());
        thinking.append(p.thinking());
        if (stream) {
            line(exchange, piece(name, chat, p.content(), p.thinking(), false));
        }
    }

    private static ObjectNode piece(String name, boolean chat, String content, String thinking, boolean done) {
        ObjectNode out = JSON.createObjectNode()
                .put("model", name)
                .put("created_at", Instant.now().toString());
        ObjectNode at = out;
        if (chat) {
            at = out.putObject("message").put("role", "assistant").put("content", content);
        } else {
            out.put("response", content);
        }
        if (!thinking.isEmpty()) {
            at.put("thinking", thinking);
        }
        return out.put("done", done);
    }

    private static List<ChatMessage> messages(ServedModel model, JsonNode body, boolean chat) {
        List<ChatMessage> messages = new ArrayList<>();
        String system = model.system();
        if (chat) {
            body.path("messages").forEach(m -> messages.add(JSON.convertValue(m, ChatMessage.class)));
            if (messages.get(0).role().equals("system")) {
                system = "";
            }
        } else {
            messages.add(ChatMessage.user(body.path("prompt").asText()));
            system = body.path("system").asText().isEmpty()
                    ? system
                    : body.path("system").asText();
        }
        if (!system.isEmpty()) {
            messages.add(0, ChatMessage.system(system));
        }
        return messages;
    }

    /** What the answer must fit, null for free text. */
    private static String grammar(JsonNode format) {
        if (format.isObject()) {
            return JsonGrammar.of(format);
        }
        if (format.asText("").equals("json")) {
            return JsonGrammar.object();
        }
        if (!format.isMissingNode() && !format.isNull() && !format.asText().isEmpty()) {
            throw new Refusal(400, "invalid format: " + format + "; expected \"json\" or a valid JSON Schema object");
        }
        return null;
    }

    private ObjectNode embed(JsonNode body) throws InterruptedException {
        long start = System.nanoTime();
        String name = body.path("model").asText();
        ServedModel model = model(name);
        List<String> texts = new ArrayList<>();
        JsonNode input = body.path("input");
        for (JsonNode text : input.isArray() ? input : input.isMissingNode() ? List.<JsonNode>of() : List.of(input)) {
            if (!text.isTextual()) {
                throw new Refusal(400, "invalid input type");
            }
            if (input.isArray() || !text.asText().isEmpty()) {
                texts.add(text.asText());
            }
        }
        ObjectNode out = JSON.createObjectNode().put("model", name);
        var vectors = out.putArray("embeddings");
        String slot = key(name) + " embedding";
        Loaded there = load(slot, model, context(model, body), true);
        try {
            if (texts.isEmpty()) {
                return out;
            }
            long load = System.nanoTime() - start;
            int count = 0;
            for (String text : texts) {
                int[] tokens = there.runner.tokens(text);
                String fits = text;
                // One place is left for the end that some models add.
                if (tokens.length >= there.runner.context()) {
                    if (!body.path("truncate").asBoolean(true)) {
                        throw new Refusal(400, "the input length exceeds the context length");
                    }
                    tokens = Arrays.copyOf(tokens, there.runner.context() - 1);
                    fits = there.runner.text(tokens);
                }
                count += tokens.length;
                float[] vector = there.runner.embed(fits);
                int dimensions = body.path("dimensions").asInt(0);
                if (dimensions > 0 && dimensions < vector.length) {
                    vector = Arrays.copyOf(vector, dimensions);
                }
                vectors.add(JSON.valueToTree(normalized(vector)));
            }
            return out.put("total_duration", System.nanoTime() - start)
                    .put("load_duration", load)
                    .put("prompt_eval_count", count);
        } finally {
            release(slot, there, keepAlive(body.path("keep_alive")));
        }
    }

    private static int context(ServedModel model, JsonNode body) {
        return Math.min(options(model, body).path("num_ctx").asInt(CONTEXT), model.contextLength());
    }

    private static float[] normalized(float[] vector) {
        double squares = 0;
        for (float v : vector) {
            squares += (double) v * v;
        }
        double length = Math.max(Math.sqrt(squares), 1e-12);
        for (int i = 0; i < vector.length; i++) {
            vector[i] /= (float) length;
        }
        return vector;
    }

    /** The older call: one text, its vector not normalised. */
    private ObjectNode embedding(JsonNode body) throws InterruptedException {
        String name = body.path("model").asText();
        ServedModel model = model(name);
        String slot = key(name) + " embedding";
        Loaded there = load(slot, model, context(model, body), true);
        try {
            String text = body.path("prompt").asText();
            ObjectNode out = JSON.createObjectNode();
            out.set("embedding", text.isEmpty() ? out.arrayNode() : JSON.valueToTree(there.runner.embed(text)));
            return out;
        } finally {
            release(slot, there, keepAlive(body.path("keep_alive")));
        }
    }

    // ---- making models

    private void blob(HttpExchange exchange, Path file, String digest) throws IOException {
        boolean there = Files.exists(file);
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(there ? 200 : 404, -1);
            return;
        }
        if (!exchange.getRequestMethod().equals("POST")) {
            text(exchange, 405, "405 method not allowed");
            return;
        }
        if (!there) {
            Path part = Files.createTempFile(blobs, "blob", ".part");
            try (InputStream in = exchange.getRequestBody()) {
                Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
            }
            String found = ModelStore.digest(part);
            if (!found.equals(digest)) {
                Files.delete(part);
                throw new Refusal(
                        400, "digest mismatch, expected \"sha256:" + digest + "\", got \"sha256:" + found + "\"");
            }
            Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        }
        exchange.sendResponseHeaders(there ? 200 : 201, -1);
    }

    private void create(HttpExchange exchange, JsonNode body) throws IOException {
        String name = body.path("model").asText(body.path("name").asText());
        requireName(name, "invalid model name");
        List<Path> files = blobs(body.path("files"));
        List<Path> adapters = blobs(body.path("adapters"));
        ServedModel from = null;
        if (body.hasNonNull("from")) {
            from = model(body.get("from").asText());
        } else if (files.size() != 1) {
            throw new Refusal(400, "neither 'from' or 'files' was specified");
        }
        if (body.hasNonNull("quantize") && !body.get("quantize").asText().isEmpty()) {
            throw new Refusal(400, "quantization is only supported for F16 and F32 models");
        }
        Map<String, Object> parameters = new LinkedHashMap<>(from == null ? Map.of() : from.parameters());
        body.path("parameters")
                .properties()
                .forEach(p -> parameters.put(p.getKey(), JSON.convertValue(p.getValue(), Object.class)));
        status(exchange, body, "parsing GGUF");
        ServedModel made = read(
                from == null ? files.get(0) : from.gguf(),
                adapters.isEmpty() && from != null ? from.adapters() : adapters,
                body.path("template").asText(from == null ? "" : from.template()),
                body.path("system").asText(from == null ? "" : from.system()),
                parameters,
                body.path("license").isArray()
                        ? String.join("\n", JSON.convertValue(body.get("license"), String[].class))
                        : body.path("license").asText(from == null ? "" : from.license()));
        status(exchange, body, "writing manifest");
        add(name, made);
        done(exchange, body);
    }

    private static ServedModel read(
            Path gguf,
            List<Path> adapters,
            String template,
            String system,
            Map<String, Object> parameters,
            String license) {
        try {
            return ServedModel.of(gguf, adapters, template, system, parameters, license);
        } catch (IOException broken) {
            throw new Refusal(400, String.valueOf(broken.getMessage()));
        }
    }

    private List<Path> blobs(JsonNode files) {
        List<Path> out = new ArrayList<>();
        for (var file : files.properties()) {
            Matcher digest = BLOB.matcher("/api/blobs/" + file.getValue().asText());
            Path blob = digest.matches() ? blobs.resolve("sha256-" + digest.group(1)) : null;
            if (blob == null || !Files.exists(blob)) {
                throw new Refusal(
                        400,
                        "invalid digest for file " + file.getKey() + ": "
                                + file.getValue().asText());
            }
            out.add(blob);
        }
        return out;
    }

    /** A model that is there is up to date; the path or {@code file:} address of a GGUF file becomes a model of the file's name. */
    private void pull(HttpExchange exchange, JsonNode body) throws IOException {
        String name = name(body);
        status(exchange, body, "pulling manifest");
        Path file = null;
        if (name.startsWith("file:")) {
            file = Path.of(URI.create(name));
        } else if (name.endsWith(".gguf")) {
            file = Path.of(name);
        }
        if (file != null && Files.isRegularFile(file)) {
            String own =
                    file.getFileName().toString().replaceFirst("\\.gguf$", "").replaceAll("[^A-Za-z0-9_.-]", "-");
            add(own, read(file.toAbsolutePath(), List.of(), "", "", Map.of(), ""));
        } else {
            try {
                model(name);
            } catch (Refusal absent) {
                throw new Refusal(
                        500, "pull model manifest: file does not exist: this server has no registry, name a GGUF file");
            }
        }
        done(exchange, body);
    }

    private static void status(HttpExchange exchange, JsonNode body, String words) throws IOException {
        if (body.path("stream").asBoolean(true)) {
            line(exchange, JSON.createObjectNode().put("status", words));
        }
    }

    private static void done(HttpExchange exchange, JsonNode body) throws IOException {
        ObjectNode success = JSON.createObjectNode().put("status", "success");
        if (body.path("stream").asBoolean(true)) {
            line(exchange, success);
        } else {
            send(exchange, 200, success);
        }
    }
}
