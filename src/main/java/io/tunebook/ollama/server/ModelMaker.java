package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.server.Models.LoadedModels;
import io.tunebook.ollama.store.ModelName;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Makes models of files that were sent or lie here, gives them second names, and takes them away. */
final class ModelMaker {
    private static final ObjectMapper JSON = Json.wire();

    private final Models models;
    private final LoadedModels loaded;
    private final BlobFolder blobs;
    private final Prompts prompts;
    private final Set<String> layers = ConcurrentHashMap.newKeySet();

    ModelMaker(Models models, LoadedModels loaded, BlobFolder blobs, Prompts prompts) {
        this.models = models;
        this.loaded = loaded;
        this.blobs = blobs;
        this.prompts = prompts;
    }

    void copy(HttpExchange exchange, JsonNode body) throws IOException {
        String source = body.path("source").asText();
        String destination = body.path("destination").asText();
        requireName(source, "source \"" + source + "\" is invalid");
        requireName(destination, "destination \"" + destination + "\" is invalid");
        ServedModel model = models.find(source);
        if (model == null) {
            throw new LocalHttp.Refusal(404, "model \"" + source + "\" not found");
        }
        models.put(destination, model);
        exchange.sendResponseHeaders(200, -1);
    }

    void delete(HttpExchange exchange, JsonNode body) throws IOException {
        String name = Models.name(body);
        if (name.isEmpty()) {
            throw new LocalHttp.Refusal(400, "model is required");
        }
        requireName(name, "name \"" + name + "\" is invalid");
        ServedModel model = models.get(name);
        models.remove(name);
        loaded.unload(Models.key(name));
        if (!models.uses(model.gguf())) {
            prompts.forget(model.gguf());
            blobs.delete(model.gguf());
        }
        for (Path adapter : model.adapters()) {
            if (!models.uses(adapter)) {
                blobs.delete(adapter);
            }
        }
        exchange.sendResponseHeaders(200, -1);
    }

    private static void requireName(String name, String otherwise) {
        try {
            ModelName.of(name);
        } catch (IllegalArgumentException invalid) {
            throw new LocalHttp.Refusal(400, otherwise);
        }
    }

    void create(HttpExchange exchange, JsonNode body) throws IOException {
        for (String kind : List.of("files", "adapters")) {
            for (var file : body.path(kind).properties()) {
                if (!relative(file.getKey())) {
                    throw new LocalHttp.Refusal(400, "file path must be relative: " + file.getKey());
                }
                if (file.getValue().asText().isEmpty()) {
                    throw new LocalHttp.Refusal(400, "invalid digest format");
                }
            }
        }
        String name = Models.name(body);
        requireName(name, "invalid model name");
        ServedModel from = null;
        if (!body.path("from").asText("").isEmpty()) {
            from = models.get(body.get("from").asText());
        } else if (!body.path("files").isObject()) {
            throw new LocalHttp.Refusal(400, "neither 'from' or 'files' was specified");
        } else if (body.path("files").size() != 1) {
            throw new LocalHttp.Refusal(
                    400, body.path("files").isEmpty() ? "unknown type" : "supplied file was not in GGUF format");
        }
        List<Path> files = blobs(body.path("files"));
        List<Path> adapters = blobs(body.path("adapters"));
        if (adapters.size() > 1) {
            throw new LocalHttp.Refusal(400, "only one adapter is currently supported");
        }
        if (!body.path("quantize").asText("").isEmpty()) {
            throw new LocalHttp.Refusal(
                    400,
                    "create-time quantization is only supported for safetensors imports; quantize GGUF models with llama.cpp tools before importing");
        }
        if (body.path("parameters").hasNonNull("typical_p")) {
            throw new LocalHttp.Refusal(400, "typical_p is no longer supported");
        }
        Map<String, Object> parameters = new LinkedHashMap<>(from == null ? Map.of() : from.options());
        body.path("parameters")
                .properties()
                .forEach(p -> parameters.put(p.getKey(), JSON.convertValue(p.getValue(), Object.class)));
        List<ChatMessage> messages = new ArrayList<>();
        body.path("messages").forEach(m -> messages.add(JSON.convertValue(m, ChatMessage.class)));
        String template = body.path("template").asText(from == null ? "" : from.template());
        try {
            GoTemplate.parse(template);
        } catch (GoTemplateException broken) {
            throw new LocalHttp.Refusal(400, "template error: " + broken.getMessage());
        }
        if (from == null) {
            status(exchange, body, "parsing GGUF");
            requireKnownType(files.get(0));
        }
        if (!adapters.isEmpty()) {
            status(exchange, body, "using the adapter beside the model: Ollama 0.34.1 and newer refuse adapters");
        }
        ServedModel made = read(
                from == null ? files.get(0) : from.gguf(),
                adapters.isEmpty() && from != null ? from.adapters() : adapters,
                template,
                body.path("system").asText(from == null ? "" : from.system()),
                parameters,
                licenses(body.path("license"), from),
                messages.isEmpty() && from != null ? from.messages() : messages);
        layer(exchange, body, blobs.digest(made.gguf()));
        if (from == null && !made.builtIn().isEmpty()) {
            status(exchange, body, "using autodetected template " + made.builtIn());
        }
        for (Object part : made.parts()) {
            String digest = "sha256:" + Sha256.hex(ServedModel.stored(part));
            if (from == null && !made.builtIn().isEmpty() && part.equals(made.template())) {
                layers.add(digest); // the line above told of it
            } else {
                layer(exchange, body, digest);
            }
        }
        status(exchange, body, "writing manifest");
        models.put(
                name,
                made.childOf(
                        from == null
                                ? body.get("files").fieldNames().next()
                                : ModelName.of(body.get("from").asText()).toString()));
        done(exchange, body);
    }

    /** A text, or a list of them, which come after those of the model before. */
    private static List<String> licenses(JsonNode said, ServedModel from) {
        List<String> all = new ArrayList<>(from == null ? List.of() : from.licenses());
        String wrong = "license must be a string or a list of strings: ";
        if (said.isTextual() && !said.asText().isEmpty()) {
            all.add(said.asText());
        } else if (said.isArray()) {
            for (JsonNode one : said) {
                if (!one.isTextual()) {
                    throw new LocalHttp.Refusal(400, wrong + "an element is " + one.getNodeType());
                }
                all.add(one.asText());
            }
        } else if (!said.isTextual() && !said.isMissingNode() && !said.isNull()) {
            throw new LocalHttp.Refusal(400, wrong + "got " + said.getNodeType());
        }
        return all;
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
            List<String> licenses,
            List<ChatMessage> messages) {
        try {
            return ServedModel.of(gguf, adapters, template, system, parameters, licenses, messages);
        } catch (IOException broken) {
            // an answer names no path of this machine
            throw new LocalHttp.Refusal(
                    400,
                    broken instanceof ModelFormatException format
                            ? format.what()
                            : "the model's file cannot be read ("
                                    + broken.getClass().getSimpleName() + ")");
        }
    }

    private List<Path> blobs(JsonNode files) {
        List<Path> out = new ArrayList<>();
        for (var file : files.properties()) {
            Path blob = blobs.find(file.getValue().asText());
            if (blob == null) {
                throw new LocalHttp.Refusal(
                        400,
                        "invalid digest for file " + file.getKey() + ": "
                                + file.getValue().asText());
            }
            out.add(blob);
        }
        return out;
    }

    /**
     * A model that is there is up to date; the path or {@code file:} address of a GGUF file becomes a model of the
     * file's name.
     */
    void pull(HttpExchange exchange, JsonNode body) throws IOException {
        String name = Models.name(body);
        if (!name.startsWith("file:") && !name.endsWith(".gguf")) {
            Models.valid(name);
        }
        status(exchange, body, "pulling manifest");
        Path file = null;
        if (name.startsWith("file:")) {
            file = Path.of(URI.create(name));
        } else if (name.endsWith(".gguf")) {
            file = Path.of(name);
        }
        if (file != null && Files.isRegularFile(file)) {
            requireGguf(file);
            String own =
                    file.getFileName().toString().replaceFirst("\\.gguf$", "").replaceAll("[^A-Za-z0-9_.-]", "-");
            models.put(own, read(file.toAbsolutePath(), List.of(), "", "", Map.of(), List.of(), List.of()));
        } else {
            try {
                models.get(name);
            } catch (LocalHttp.Refusal absent) {
                throw new LocalHttp.Refusal(
                        500, "pull model manifest: file does not exist: this server has no registry, name a GGUF file");
            }
        }
        done(exchange, body);
    }

    /** There is no registry to send a model to. */
    void push(JsonNode body) {
        Models.requireName(body);
        throw new LocalHttp.Refusal(501, "this server has no registry: push from an Ollama that has the model");
    }

    /** A layer that was told before is there. */
    private void layer(HttpExchange exchange, JsonNode body, String digest) throws IOException {
        boolean there = !layers.add(digest) || blobs.find(digest) != null;
        status(exchange, body, (there ? "using existing layer " : "creating new layer ") + digest);
    }

    /** Says no more of another file than that it is none, since whoever asks may be somebody else on this machine. */
    private static void requireGguf(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            if (new String(in.readNBytes(4), StandardCharsets.ISO_8859_1).equals("GGUF")) {
                return;
            }
        } catch (IOException unreadable) {
            // as for a file of another kind
        }
        throw new LocalHttp.Refusal(400, "not a GGUF file");
    }

    /** Of a file that the client itself sent the first bytes may be told. */
    private static void requireKnownType(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] first = in.readNBytes(4);
            if (!new String(first, StandardCharsets.ISO_8859_1).equals("GGUF")) {
                List<String> bytes = new ArrayList<>();
                for (byte b : first) {
                    bytes.add(String.valueOf(b & 0xff));
                }
                throw new LocalHttp.Refusal(400, "unsupported file type [" + String.join(" ", bytes) + "]");
            }
        }
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
