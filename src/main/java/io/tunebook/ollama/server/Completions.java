package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.ollama.store.ModelName;
import io.tunebook.ollama.template.GoTemplate;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Answers chats and prompts: a prompt is made, a model goes on from it, and its thoughts are told from its answer. */
final class Completions {
    private static final ObjectMapper JSON = Json.wire();
    private static final int CONTEXT = 4096;
    private static final Set<String> LEVELS = Set.of("low", "medium", "high", "max");

    private final Function<String, ServedModel> models;
    private final LoadedModels loaded;
    private final Prompts prompts;

    /** With models by name, which throws the refusal for one that is not there. */
    Completions(Function<String, ServedModel> models, LoadedModels loaded, Prompts prompts) {
        this.models = models;
        this.loaded = loaded;
        this.prompts = prompts;
    }

    /** A request's options on top of the model's own. */
    static ObjectNode options(ServedModel model, JsonNode body) {
        ObjectNode options = JSON.valueToTree(model.parameters());
        if (body.path("options").isObject()) {
            options.setAll((ObjectNode) body.get("options"));
        }
        RequestCheck.options(options);
        if (options.path("stop").isTextual()) {
            options.putArray("stop").add(options.get("stop").asText());
        }
        return options;
    }

    /** How many tokens the model is loaded for: 4096 where nobody says, as on a machine without a GPU. */
    static int context(ServedModel model, JsonNode options) {
        int asked = options.path("num_ctx").asInt(CONTEXT);
        return Math.min(asked <= 0 ? CONTEXT : asked, model.contextLength());
    }

    /** Answers a request in Ollama's form. */
    void answer(JsonNode body, boolean chat, Answer answer) throws IOException, InterruptedException {
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
            answer.nothing("unload");
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
        ObjectNode options = options(model, body);
        Optional<GoTemplate> template = Prompts.template(model, body, chat);
        LoadedModels.Loaded there = loaded.load(key, model, context(model, options), false);
        try {
            long load = System.nanoTime() - start;
            if (nothing) {
                answer.nothing("load");
                return;
            }
            String prompt = raw
                    ? body.path("prompt").asText()
                    : prompts.prompt(
                            there,
                            template,
                            Prompts.messages(model, body, chat),
                            model.thinks() ? think : null,
                            !chat || !body.path("truncate").asBoolean(true));
            if (!raw && body.path("context").isArray()) {
                // An earlier answer's tokens, which this one goes on from.
                prompt = there.runner.text(JSON.convertValue(body.get("context"), int[].class)) + prompt;
            }
            if (body.path("_debug_render_only").asBoolean(false)) {
                answer.rendered(prompt);
                return;
            }
            StringBuilder said = new StringBuilder();
            Runner.Figures[] figures = run(there, prompt, options, grammar, think, answer, said);
            Runner.Figures thought = figures[0];
            Runner.Figures last = figures[1];
            boolean again = last != thought;
            answer.end(new Answer.Ending(
                    last.full() ? "length" : "stop",
                    chat || raw ? null : there.runner.tokens(prompt + said),
                    System.nanoTime() - start,
                    load,
                    thought.promptTokens() == 0 ? last.promptTokens() : thought.promptTokens(),
                    last.promptTime() + (again ? thought.promptTime() : 0),
                    last.tokens() + (again ? thought.tokens() : 0),
                    last.time() + (again ? thought.time() : 0)));
        } finally {
            loaded.release(there, keepAlive);
        }
    }

    /** Runs the model; the figures of the thoughts' own run, if there was one, and of the last run. */
    private static Runner.Figures[] run(
            LoadedModels.Loaded there,
            String prompt,
            JsonNode options,
            String grammar,
            boolean think,
            Answer answer,
            StringBuilder said)
            throws IOException, InterruptedException {
        ThinkingSplitter splitter = new ThinkingSplitter(prompt);
        Runner.Figures thought = new Runner.Figures(0, 0, 0, 0, false);
        String then = prompt;
        if (think && grammar != null) {
            // Only the answer has to fit the schema: the thoughts before it are free, and end the first run.
            StringBuilder free = new StringBuilder();
            thought = there.runner.complete(prompt, options, null, piece -> {
                free.append(piece);
                give(
                        answer,
                        said,
                        new ThinkingSplitter.Piece(splitter.push(piece).thinking(), ""));
                return !splitter.answering();
            });
            int end = free.indexOf("</think>");
            then = end < 0 ? prompt : prompt + free.substring(0, end) + "</think>\n\n";
        }
        Runner.Figures last = thought;
        if (!thought.full()) {
            boolean splits = think && grammar == null;
            last = there.runner.complete(then, options, grammar, piece -> {
                give(answer, said, splits ? splitter.push(piece) : new ThinkingSplitter.Piece("", piece));
                return true;
            });
            if (splits) {
                give(answer, said, splitter.end());
            }
        }
        return new Runner.Figures[] {thought, last};
    }

    private static void give(Answer answer, StringBuilder said, ThinkingSplitter.Piece p) throws IOException {
        if (!p.content().isEmpty() || !p.thinking().isEmpty()) {
            said.append(p.thinking()).append(p.content());
            answer.piece(p.content(), p.thinking());
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
}
