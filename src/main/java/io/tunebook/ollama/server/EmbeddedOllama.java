package io.tunebook.ollama.server;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.store.ModelName;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A small server that speaks as Ollama does, in this process, for GGUF files: chat, generate, embed, tags, show, ps, version, create
 * (with adapters), copy, delete, blobs and the pull of a local file. llama.cpp computes, in
 * a process for each model.
 *
 * <p>It listens on the loopback address alone and answers only to names of this machine, and to pages of this machine, as Ollama does.
 * Prompts are made by the GGUF file's own chat template; templates in Go's syntax are kept and shown, not run; tools are refused.
 */
public final class EmbeddedOllama implements AutoCloseable {
    private static final ObjectMapper JSON = Json.wire();
    /** The last version of Ollama whose {@code create} takes adapters, as this one does. */
    private static final String VERSION = "0.34.0";

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
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool(EmbeddedOllama::daemon);
    private final Map<String, ServedModel> models = new ConcurrentHashMap<>();
    private final LoadedModels loaded = new LoadedModels();
    private final EmbeddedOllamaAnswers answers = new EmbeddedOllamaAnswers(this::model, loaded);
    private final Path blobs;

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
            ollama.add(name, ServedModel.of(gguf.toAbsolutePath(), List.of(), "", "", Map.of(), "", List.of()));
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
        loaded.close();
        answers.close();
        try (var files = Files.list(blobs)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(blobs);
        } catch (IOException left) {
            // A folder of temporary files that the system clears.
        }
    }

    static Thread daemon(Runnable run) {
        Thread thread = new Thread(run, "embedded-ollama");
        thread.setDaemon(true);
        return thread;
    }

    // ---- routes

    private void handle(HttpExchange exchange) {
        try (exchange) {
            try {
                LocalHttp.checkLocal(exchange);
                route(exchange);
            } catch (LocalHttp.Refusal refusal) {
                if (refusal.getMessage().isEmpty()) {
                    exchange.sendResponseHeaders(refusal.status, -1);
                } else {
                    LocalHttp.send(exchange, refusal.status, LocalHttp.error(refusal.getMessage()));
                }
            } catch (JacksonException broken) {
                LocalHttp.send(exchange, 400, LocalHttp.error("invalid JSON: " + broken.getOriginalMessage()));
            } catch (IllegalArgumentException wrong) {
                LocalHttp.send(exchange, 400, LocalHttp.error(String.valueOf(wrong.getMessage())));
            } catch (InterruptedException stopped) {
                LocalHttp.send(exchange, 503, LocalHttp.error("server is shutting down"));
            } catch (IllegalStateException failure) {
                LocalHttp.send(exchange, 500, LocalHttp.error(String.valueOf(failure.getMessage())));
            } catch (RuntimeException failure) {
                LocalHttp.send(exchange, 500, LocalHttp.error(failure.toString()));
            }
        } catch (IOException gone) {
            // The client went away: there is nobody to tell.
        }
    }

    private void route(HttpExchange exchange) throws IOException, InterruptedException {
        String path = exchange.getRequestURI().getPath();
        String method = exchange.getRequestMethod();
        Matcher blob = BLOB.matcher(path);
        if (method.equals("OPTIONS")) {
            exchange.getResponseHeaders().set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, HEAD, OPTIONS");
            exchange.getResponseHeaders()
                    .set(
                            "Access-Control-Allow-Headers",
                            "Authorization, Content-Type, User-Agent, Accept, X-Requested-With");
            exchange.sendResponseHeaders(204, -1);
        } else if (blob.matches()) {
            blob(exchange, blobs.resolve("sha256-" + blob.group(1)), blob.group(1));
        } else if (BLOBS.matcher(path).matches()) {
            throw new LocalHttp.Refusal(400, "invalid digest format");
        } else {
            switch (method + " " + path) {
                case "GET /", "HEAD /" -> LocalHttp.text(exchange, 200, "Ollama is running");
                case "GET /api/version", "HEAD /api/version" ->
                    LocalHttp.send(exchange, 200, JSON.createObjectNode().put("version", VERSION));
                case "GET /api/tags", "HEAD /api/tags" -> LocalHttp.send(exchange, 200, tags());
                case "GET /api/ps" -> LocalHttp.send(exchange, 200, ps());
                case "POST /api/show" -> LocalHttp.send(exchange, 200, show(LocalHttp.body(exchange)));
                case "POST /api/chat" -> answers.answer(exchange, LocalHttp.body(exchange), true);
                case "POST /api/generate" -> answers.answer(exchange, LocalHttp.body(exchange), false);
                case "POST /api/embed" -> LocalHttp.send(exchange, 200, answers.embed(LocalHttp.body(exchange)));
                case "POST /api/embeddings" ->
                    LocalHttp.send(exchange, 200, answers.embedding(LocalHttp.body(exchange)));
                case "POST /api/create" -> create(exchange, LocalHttp.body(exchange));
                case "POST /api/pull" -> pull(exchange, LocalHttp.body(exchange));
                case "POST /api/copy" -> copy(exchange, LocalHttp.body(exchange));
                case "DELETE /api/delete" -> delete(exchange, LocalHttp.body(exchange));
                default -> {
                    boolean known = ROUTES.contains(path);
                    LocalHttp.text(
                            exchange, known ? 405 : 404, known ? "405 method not allowed" : "404 page not found");
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
            throw new LocalHttp.Refusal(404, "model \"" + source + "\" not found");
        }
        add(destination, model);
        exchange.sendResponseHeaders(200, -1);
    }

    private void delete(HttpExchange exchange, JsonNode body) throws IOException {
        String name = body.path("model").asText(body.path("name").asText());
        requireName(name, "name \"" + name + "\" is invalid");
        model(name);
        models.remove(key(name));
        loaded.unload(key(name));
        exchange.sendResponseHeaders(200, -1);
    }

    private static void requireName(String name, String otherwise) {
        try {
            ModelName.of(name);
        } catch (IllegalArgumentException invalid) {
            throw new LocalHttp.Refusal(400, otherwise);
        }
    }

    // ---- models

    /** What models are found by: Ollama does not tell upper case from lower. */
    static String key(String name) {
        return ModelName.of(name).toString().toLowerCase(Locale.ROOT);
    }

    private static String name(JsonNode body) {
        String name = body.path("model").asText(body.path("name").asText(""));
        if (name.isEmpty()) {
            throw new LocalHttp.Refusal(400, "model is required");
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
            throw new LocalHttp.Refusal(404, "model '" + name + "' not found");
        }
        return model;
    }

    private ObjectNode tags() {
        ObjectNode out = JSON.createObjectNode();
        var list = out.putArray("models");
        // The newest first, as Ollama lists them.
        models.entrySet().stream()
                .sorted(Comparator.comparing((Map.Entry<String, ServedModel> e) ->
                                e.getValue().modified())
                        .reversed()
                        .thenComparing(Map.Entry::getKey))
                .forEach(e -> {
                    ObjectNode model = entry(e.getKey(), e.getValue())
                            .put("modified_at", e.getValue().modified().toString());
                    model.set("capabilities", JSON.valueToTree(e.getValue().capabilities()));
                    list.add(model);
                });
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
        List<ObjectNode> all = new ArrayList<>();
        loaded.forEach((name, l) -> all.add(entry(name, l.model)
                .put("size_vram", 0)
                .put("context_length", l.runner.context())
                .put(
                        "expires_at",
                        (l.expires.equals(Instant.MAX) ? Instant.parse("2318-01-01T00:00:00Z") : l.expires)
                                .toString())));
        // The one that stays longest comes first.
        all.sort(Comparator.comparing(
                        (ObjectNode m) -> Instant.parse(m.get("expires_at").asText()))
                .reversed());
        list.addAll(all);
        return out;
    }

    private ObjectNode show(JsonNode body) throws IOException {
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
        m.messages().forEach(message -> modelfile
                .append("MESSAGE ")
                .append(message.role())
                .append(" \"\"\"")
                .append(message.content())
                .append("\"\"\"\n"));
        Map<String, Object> info =
                new LinkedHashMap<>(body.path("verbose").asBoolean(false) ? m.allMetadata() : m.metadata());
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
        if (!m.messages().isEmpty()) {
            out.set("messages", JSON.valueToTree(m.messages()));
        }
        out.set("model_info", JSON.valueToTree(info));
        out.set("tensors", JSON.valueToTree(m.tensors()));
        out.set("capabilities", JSON.valueToTree(m.capabilities()));
        return out;
    }

    // ---- making models

    private void blob(HttpExchange exchange, Path file, String digest) throws IOException {
        boolean there = Files.exists(file);
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(there ? 200 : 404, -1);
            return;
        }
        if (!exchange.getRequestMethod().equals("POST")) {
            LocalHttp.text(exchange, 405, "405 method not allowed");
            return;
        }
        if (!there) {
            Path part = Files.createTempFile(blobs, "blob", ".part");
            try (InputStream in = exchange.getRequestBody()) {
                Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
            }
            String found = Sha256.hex(part);
            if (!found.equals(digest)) {
                Files.delete(part);
                throw new LocalHttp.Refusal(
                        400, "digest mismatch, expected \"sha256:" + digest + "\", got \"sha256:" + found + "\"");
            }
            AtomicFile.move(part, file);
        }
        exchange.sendResponseHeaders(there ? 200 : 201, -1);
    }

    private void create(HttpExchange exchange, JsonNode body) throws IOException {
        for (String kind : List.of("files", "adapters")) {
            for (var file : body.path(kind).properties()) {
                if (!relative(file.getKey())) {
                    throw new LocalHttp.Refusal(400, "file path must be relative");
                }
                if (file.getValue().asText().isEmpty()) {
                    throw new LocalHttp.Refusal(400, "invalid digest format");
                }
            }
        }
        String name = body.path("model").asText(body.path("name").asText());
        requireName(name, "invalid model name");
        ServedModel from = null;
        if (!body.path("from").asText("").isEmpty()) {
            from = model(body.get("from").asText());
        } else if (!body.path("files").isObject()) {
            throw new LocalHttp.Refusal(400, "neither 'from' or 'files' was specified");
        } else if (body.path("files").size() != 1) {
            throw new LocalHttp.Refusal(
                    400,
                    body.path("files").isEmpty()
                            ? "no files provided to convert"
                            : "supplied file was not in GGUF format");
        }
        List<Path> files = blobs(body.path("files"));
        List<Path> adapters = blobs(body.path("adapters"));
        if (adapters.size() > 1) {
            throw new LocalHttp.Refusal(400, "only one adapter is currently supported");
        }
        if (!body.path("quantize").asText("").isEmpty()) {
            throw new LocalHttp.Refusal(400, "quantization is only supported for F16, BF16 and F32 models");
        }
        Map<String, Object> parameters = new LinkedHashMap<>(from == null ? Map.of() : from.parameters());
        body.path("parameters")
                .properties()
                .forEach(p -> parameters.put(p.getKey(), JSON.convertValue(p.getValue(), Object.class)));
        List<ChatMessage> messages = new ArrayList<>();
        body.path("messages").forEach(m -> messages.add(JSON.convertValue(m, ChatMessage.class)));
        status(exchange, body, "parsing GGUF");
        ServedModel made = read(
                from == null ? files.get(0) : from.gguf(),
                adapters.isEmpty() && from != null ? from.adapters() : adapters,
                body.path("template").asText(from == null ? "" : from.template()),
                body.path("system").asText(from == null ? "" : from.system()),
                parameters,
                body.path("license").isArray()
                        ? String.join("\n", JSON.convertValue(body.get("license"), String[].class))
                        : body.path("license").asText(from == null ? "" : from.license()),
                messages.isEmpty() && from != null ? from.messages() : messages);
        for (Path layer : files) {
            status(
                    exchange,
                    body,
                    "using existing layer " + layer.getFileName().toString().replace('-', ':'));
        }
        status(exchange, body, "writing manifest");
        add(name, made);
        done(exchange, body);
    }

    /** As Go's {@code fs.ValidPath} says it: no slash at either end, no empty part, no {@code .} and no {@code ..}. */
    private static boolean relative(String path) {
        return !path.contains("\\")
                && Arrays.stream(path.split("/", -1))
                        .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
    }

    private static ServedModel read(
            Path gguf,
            List<Path> adapters,
            String template,
            String system,
            Map<String, Object> parameters,
            String license,
            List<ChatMessage> messages) {
        try {
            return ServedModel.of(gguf, adapters, template, system, parameters, license, messages);
        } catch (IOException broken) {
            throw new LocalHttp.Refusal(400, String.valueOf(broken.getMessage()));
        }
    }

    private List<Path> blobs(JsonNode files) {
        List<Path> out = new ArrayList<>();
        for (var file : files.properties()) {
            Matcher digest = BLOB.matcher("/api/blobs/" + file.getValue().asText());
            Path blob = digest.matches() ? blobs.resolve("sha256-" + digest.group(1)) : null;
            if (blob == null || !Files.exists(blob)) {
                throw new LocalHttp.Refusal(
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
            add(own, read(file.toAbsolutePath(), List.of(), "", "", Map.of(), "", List.of()));
        } else {
            try {
                model(name);
            } catch (LocalHttp.Refusal absent) {
                throw new LocalHttp.Refusal(
                        500, "pull model manifest: file does not exist: this server has no registry, name a GGUF file");
            }
        }
        done(exchange, body);
    }

    private static void status(HttpExchange exchange, JsonNode body, String words) throws IOException {
        if (body.path("stream").asBoolean(true)) {
            LocalHttp.line(exchange, JSON.createObjectNode().put("status", words));
        }
    }

    private static void done(HttpExchange exchange, JsonNode body) throws IOException {
        ObjectNode success = JSON.createObjectNode().put("status", "success");
        if (body.path("stream").asBoolean(true)) {
            LocalHttp.line(exchange, success);
        } else {
            LocalHttp.send(exchange, 200, success);
        }
    }
}
