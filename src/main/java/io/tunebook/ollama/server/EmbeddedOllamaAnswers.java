package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.store.ModelName;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What {@link EmbeddedOllama}'s models say: chat, generate and embed. */
final class EmbeddedOllamaAnswers implements AutoCloseable {
    private static final ObjectMapper JSON = Json.wire();
    private static final int CONTEXT = 4096;
    private static final Set<String> LEVELS = Set.of("low", "medium", "high", "max");

    private final Function<String, ServedModel> models;
    private final LoadedModels loaded;
    private final Map<Path, Optional<Tokenizer>> tokenizers = new ConcurrentHashMap<>();

    /** With models by name, which throws the refusal for one that is not there. */
    EmbeddedOllamaAnswers(Function<String, ServedModel> models, LoadedModels loaded) {
        this.models = models;
        this.loaded = loaded;
    }

    private static JsonNode options(ServedModel model, JsonNode body) {
        ObjectNode options = JSON.valueToTree(model.parameters());
        if (body.path("options").isObject()) {
            options.setAll((ObjectNode) body.get("options"));
        }
        return options;
    }

    /** Chat and generate: a prompt, an answer, one line a piece or one object at the end. */
    void answer(HttpExchange exchange, JsonNode body, boolean chat) throws IOException, InterruptedException {
        long start = System.nanoTime();
        String name = body.path("model").asText();
        int likely = body.path("top_logprobs").asInt(0);
        if (likely < 0 || likely > 20) {
            throw new LocalHttp.Refusal(400, "top_logprobs must be between 0 and 20");
        }
        if (chat && name.isEmpty()) {
            throw new LocalHttp.Refusal(400, "model is required");
        }
        ServedModel model = models.apply(name);
        String key = EmbeddedOllama.key(name);
        boolean nothing = chat
                ? body.path("messages").isEmpty()
                : body.path("prompt").asText().isEmpty();
        Duration keepAlive = LoadedModels.keepAlive(body.path("keep_alive"));
        if (nothing && keepAlive.isZero()) {
            loaded.unload(key);
            LocalHttp.send(exchange, 200, piece(name, chat, "", "", true).put("done_reason", "unload"));
            return;
        }
        boolean raw = !chat && body.path("raw").asBoolean(false);
        if (raw && (body.hasNonNull("system") || body.hasNonNull("template") || body.hasNonNull("context"))) {
            throw new LocalHttp.Refusal(400, "raw mode does not support template, system, or context");
        }
        refuse(name, body, chat);
        if (thinks(body.path("think")) && body.hasNonNull("think") && !model.thinks()) {
            throw new LocalHttp.Refusal(400, "\"" + name + "\" does not support thinking");
        }
        boolean think = model.thinks() && thinks(body.path("think"));
        String grammar = grammar(body.path("format"));
        JsonNode options = options(model, body);
        LoadedModels.Loaded there = loaded.load(key, model, context(model, body), false);
        try {
            long load = System.nanoTime() - start;
            if (nothing) {
                LocalHttp.send(exchange, 200, piece(name, chat, "", "", true).put("done_reason", "load"));
                return;
            }
            String prompt = raw
                    ? body.path("prompt").asText()
                    : prompt(
                            there,
                            messages(model, body, chat),
                            think,
                            !chat || !body.path("truncate").asBoolean(true));
            if (!raw && body.path("context").isArray()) {
                // An earlier answer's tokens, which this one goes on from.
                prompt = there.runner.text(JSON.convertValue(body.get("context"), int[].class)) + prompt;
            }
            if (body.path("_debug_render_only").asBoolean(false)) {
                ObjectNode rendered = piece(name, chat, "", "", false);
                rendered.putObject("_debug_info").put("rendered_template", prompt);
                LocalHttp.send(exchange, 200, rendered);
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
                LocalHttp.line(exchange, last);
            } else {
                LocalHttp.send(exchange, 200, last);
            }
        } finally {
            loaded.release(there, keepAlive);
        }
    }

    /** What is asked for and not to be had is refused, not left out in silence. */
    private static void refuse(String name, JsonNode body, boolean chat) {
        String full = ModelName.of(name).full();
        if (!body.path("tools").isEmpty()) {
            throw new LocalHttp.Refusal(400, full + " does not support tools");
        }
        if (!chat && !body.path("suffix").asText("").isEmpty()) {
            throw new LocalHttp.Refusal(400, full + " does not support insert");
        }
        boolean images = !body.path("images").isEmpty();
        for (JsonNode message : body.path("messages")) {
            images |= !message.path("images").isEmpty();
        }
        if (images) {
            throw new LocalHttp.Refusal(400, full + " does not support vision");
        }
        if (!chat && !body.path("template").asText("").isEmpty()) {
            throw new LocalHttp.Refusal(400, "template: this server runs the GGUF file's own chat template alone");
        }
        if (body.path("logprobs").asBoolean(false)) {
            throw new LocalHttp.Refusal(400, "logprobs: this server does not give them");
        }
    }

    /** Thinking is on where nobody says otherwise; a level such as {@code high} is a yes. */
    private static boolean thinks(JsonNode think) {
        if (think.isTextual() && !LEVELS.contains(think.asText())) {
            throw new LocalHttp.Refusal(
                    400,
                    "invalid think value: " + think
                            + " (must be \"high\", \"medium\", \"low\", \"max\", true, or false)");
        }
        return think.isMissingNode() || think.isNull() || think.isTextual() || think.asBoolean();
    }

    /**
     * The prompt for messages, by the model's own chat template, with the beginning of the answer. Where all messages do not fit into
     * the context the oldest are left out, the system's kept.
     */
    private String prompt(LoadedModels.Loaded there, List<ChatMessage> messages, boolean think, boolean whole)
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

    private String render(LoadedModels.Loaded there, List<ChatMessage> messages, boolean think) {
        Optional<Tokenizer> known = tokenizers.computeIfAbsent(there.model.gguf(), EmbeddedOllamaAnswers::tokenizer);
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
            LocalHttp.line(exchange, piece(name, chat, p.content(), p.thinking(), false));
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
        if (chat || body.path("context").isMissingNode()) {
            messages.addAll(model.messages());
        }
        if (chat) {
            body.path("messages").forEach(m -> messages.add(JSON.convertValue(m, ChatMessage.class)));
            if (body.at("/messages/0/role").asText().equals("system")) {
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
            throw new LocalHttp.Refusal(
                    400, "invalid format: " + format + "; expected \"json\" or a valid JSON Schema object");
        }
        return null;
    }

    ObjectNode embed(JsonNode body) throws InterruptedException {
        long start = System.nanoTime();
        String name = body.path("model").asText();
        ServedModel model = models.apply(name);
        List<String> texts = new ArrayList<>();
        JsonNode input = body.path("input");
        for (JsonNode text : input.isArray() ? input : input.isMissingNode() ? List.<JsonNode>of() : List.of(input)) {
            if (!text.isTextual()) {
                throw new LocalHttp.Refusal(400, "invalid input type");
            }
            if (input.isArray() || !text.asText().isEmpty()) {
                texts.add(text.asText());
            }
        }
        ObjectNode out = JSON.createObjectNode().put("model", name);
        var vectors = out.putArray("embeddings");
        String key = EmbeddedOllama.key(name);
        LoadedModels.Loaded there = loaded.load(key, model, context(model, body), true);
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
                        throw new LocalHttp.Refusal(400, "the input length exceeds the context length");
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
            loaded.release(there, LoadedModels.keepAlive(body.path("keep_alive")));
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
    ObjectNode embedding(JsonNode body) throws InterruptedException {
        String name = body.path("model").asText();
        ServedModel model = models.apply(name);
        String key = EmbeddedOllama.key(name);
        LoadedModels.Loaded there = loaded.load(key, model, context(model, body), true);
        try {
            String text = body.path("prompt").asText();
            ObjectNode out = JSON.createObjectNode();
            out.set("embedding", text.isEmpty() ? out.arrayNode() : JSON.valueToTree(there.runner.embed(text)));
            return out;
        } finally {
            loaded.release(there, LoadedModels.keepAlive(body.path("keep_alive")));
        }
    }

    @Override
    public void close() {
        tokenizers.values().forEach(t -> t.ifPresent(Tokenizer::close));
    }
}
