package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.ollama.server.Models.LoadedModels;
import io.tunebook.ollama.store.ModelName;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.TemplateTags;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Answers chats and prompts: a prompt is made, a model goes on from it, and its thoughts are told from its answer. */
final class Completions {
    private static final ObjectMapper JSON = Json.wire();
    private static final int CONTEXT = 4096;

    /**
     * No token of a model has more characters, by far: a longer text has more tokens than its length divided by this.
     */
    private static final int LONGEST_TOKEN = 1024;

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
        ObjectNode options = JSON.valueToTree(model.options());
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
        Optional<Duration> keepAlive = LoadedModels.keepAlive(body.path("keep_alive"));
        if (nothing && keepAlive.filter(Duration::isZero).isPresent()) {
            loaded.unload(key);
            answer.nothing("unload");
            return;
        }
        boolean raw = !chat && body.path("raw").asBoolean(false);
        if (raw && (body.hasNonNull("system") || body.hasNonNull("template") || body.hasNonNull("context"))) {
            throw new LocalHttp.Refusal(400, "raw mode does not support template, system, or context");
        }
        if (thinks(body.path("think")) && body.hasNonNull("think") && !model.thinks()) {
            throw new LocalHttp.Refusal(400, "\"" + name + "\" does not support thinking");
        }
        boolean think = model.thinks() && thinks(body.path("think"));
        refuse(name, model, body, chat);
        String grammar = grammar(body.path("format"));
        ObjectNode options = options(model, body);
        Optional<GoTemplate> template = Prompts.template(model, body, chat);
        LoadedModels.Loaded there = loaded.load(key, model, context(model, options), false);
        try {
            long load = System.nanoTime() - start;
            if (body.path("logprobs").asBoolean(false)
                    && !there.runner.whyNoLogprobs().isEmpty()) {
                throw new LocalHttp.Refusal(
                        400, "logprobs: they need a newer llama.cpp: " + there.runner.whyNoLogprobs());
            }
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
                            tools(body),
                            model.thinks() ? think : null,
                            !body.path("truncate").asBoolean(true));
            if (!raw && body.path("context").isArray()) {
                // An earlier answer's tokens, which this one goes on from.
                prompt = there.runner.text(JSON.convertValue(body.get("context"), int[].class)) + prompt;
            }
            if (body.path("_debug_render_only").asBoolean(false)) {
                answer.rendered(prompt);
                return;
            }
            String whole = prompt;
            prompt = fit(there.runner, prompt, options, body.path("truncate").asBoolean(true));
            StringBuilder said = new StringBuilder();
            Reader reader = new Reader(model.tags(), prompt, think, body.path("tools"), answer, said);
            int told = body.path("logprobs").asBoolean(false) ? likely : -1;
            Runner.Figures[] figures = run(there, prompt, options, grammar, told, think, reader);
            Runner.Figures thought = figures[0];
            Runner.Figures last = figures[1];
            boolean again = last != thought;
            answer.end(new Answer.Ending(
                    last.full() ? "length" : "stop",
                    chat || raw ? null : there.runner.tokens(whole + said),
                    System.nanoTime() - start,
                    load,
                    thought.promptTokens() == 0 ? last.promptTokens() : thought.promptTokens(),
                    thought.promptTokens() == 0 ? last.cached() : thought.cached(),
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
            int likely,
            boolean think,
            Reader reader)
            throws IOException, InterruptedException {
        Runner.Figures thought = new Runner.Figures(0, 0, 0, 0, 0, false);
        String then = prompt;
        if (think && grammar != null) {
            // Only the answer has to fit the schema: the thoughts before it are free, and end the first run.
            StringBuilder free = new StringBuilder();
            thought = there.runner.complete(prompt, options, null, likely, (piece, logprobs) -> {
                free.append(piece);
                return reader.thought(piece, logprobs);
            });
            String close = reader.tags.closing();
            int end = free.indexOf(close);
            then = end < 0 ? prompt : prompt + free.substring(0, end) + close + "\n\n";
        }
        Runner.Figures last = thought;
        if (!thought.full()) {
            boolean splits = think && grammar == null;
            last = there.runner.complete(then, options, grammar, likely, (piece, logprobs) -> {
                reader.piece(piece, logprobs, splits);
                return true;
            });
            reader.end(splits);
        }
        return new Runner.Figures[] {thought, last};
    }

    /** Tells thoughts, calls of tools and text from one another as an answer comes. */
    private static final class Reader {
        private final TemplateTags tags;
        private final ThinkingSplitter splitter;
        private final ToolCallParser calls;
        private final Answer answer;
        private final StringBuilder said;
        /** How likely the tokens were that are read and of which nothing was told yet. */
        private final List<JsonNode> likely = new ArrayList<>();

        Reader(TemplateTags tags, String prompt, boolean think, JsonNode tools, Answer answer, StringBuilder said) {
            this.tags = tags;
            this.splitter = think ? new ThinkingSplitter(prompt, tags.opening(), tags.closing()) : null;
            this.calls = tools.isEmpty() ? null : new ToolCallParser(tags.tool(), tools);
            this.answer = answer;
            this.said = said;
        }

        /** Takes a piece of which only the thoughts count; false when they are over. */
        boolean thought(String piece, JsonNode logprobs) throws IOException {
            logprobs.forEach(likely::add);
            give(splitter.push(piece).thinking(), "");
            return !splitter.answering();
        }

        void piece(String piece, JsonNode logprobs, boolean splits) throws IOException {
            said.append(piece);
            logprobs.forEach(likely::add);
            ThinkingSplitter.Piece parts = splits ? splitter.push(piece) : new ThinkingSplitter.Piece("", piece);
            read(parts);
        }

        private void read(ThinkingSplitter.Piece parts) throws IOException {
            String content = parts.content();
            if (calls != null && !content.isEmpty()) {
                ToolCallParser.Parsed parsed = calls.add(content);
                content = parsed.content();
                give(parts.thinking(), content);
                if (!parsed.calls().isEmpty()) {
                    answer.calls(parsed.calls());
                }
            } else {
                give(parts.thinking(), content);
            }
        }

        void end(boolean splits) throws IOException {
            if (splits) {
                read(splitter.end());
            }
            if (calls != null) {
                give("", calls.rest());
            }
            if (!likely.isEmpty()) {
                // of tokens that became a call, or whose text was kept back
                tell("", "");
            }
        }

        private void give(String thinking, String content) throws IOException {
            if (!content.isEmpty() || !thinking.isEmpty()) {
                tell(content, thinking);
            }
        }

        private void tell(String content, String thinking) throws IOException {
            answer.piece(content, thinking, List.copyOf(likely));
            likely.clear();
        }
    }

    @SuppressWarnings("unchecked")
    private static List<Map<String, Object>> tools(JsonNode body) {
        return body.path("tools").isEmpty() ? List.of() : JSON.convertValue(body.get("tools"), List.class);
    }

    /**
     * A prompt that is too long for the context loses its middle, as Ollama cuts it: the first {@code num_keep} tokens
     * stay, and the last ones as far as they fill half of the rest.
     *
     * @throws LocalHttp.Refusal if it is too long and nothing may be cut
     */
    private static String fit(Runner runner, String prompt, JsonNode options, boolean cut) throws InterruptedException {
        int context = runner.context();
        if (prompt.length() < context) {
            return prompt;
        }
        int most = context * LONGEST_TOKEN;
        if (cut && tooLong(prompt, 2 * context)) {
            // What is between is lost in any case, and megabytes of text would take gigabytes to cut into tokens.
            return fit(runner, prompt.substring(0, most) + prompt.substring(prompt.length() - most), options, true);
        }
        int[] tokens = runner.tokens(prompt);
        if (tokens.length < context) {
            return prompt;
        }
        if (!cut) {
            ObjectNode words = JSON.createObjectNode();
            words.putObject("error")
                    .put("code", 400)
                    .put(
                            "message",
                            "request (" + tokens.length + " tokens) exceeds the available context size (" + context
                                    + " tokens), try increasing it")
                    .put("type", "exceed_context_size_error")
                    .put("n_prompt_tokens", tokens.length)
                    .put("n_ctx", context);
            throw new LocalHttp.Refusal(400, words.toString());
        }
        int asked = options.path("num_keep").asInt(4);
        int keep = Math.min(asked < 0 ? tokens.length : asked, context - 1);
        int limit = keep + (context - keep) / 2;
        int[] kept = Arrays.copyOf(tokens, limit);
        System.arraycopy(tokens, tokens.length - (limit - keep), kept, keep, limit - keep);
        return runner.text(kept);
    }

    /** Whether a text cannot fit into a context, whatever its tokens are. */
    static boolean tooLong(String text, int context) {
        return text.length() > (long) context * LONGEST_TOKEN;
    }

    /** What is asked for and not to be had is refused, not left out in silence. */
    private static void refuse(String name, ServedModel model, JsonNode body, boolean chat) {
        String full = ModelName.of(name).full();
        if (!body.path("tools").isEmpty() && !model.capabilities().contains("tools")) {
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
            throw new LocalHttp.Refusal(
                    400,
                    "{\"error\":{\"code\":400,\"message\":\"Multimodal data provided, but model does not support multimodal requests.\","
                            + "\"type\":\"invalid_request_error\"}}");
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
                    500,
                    "invalid format: " + JSON.getNodeFactory().textNode(format.toString())
                            + "; expected \"json\" or a valid JSON Schema object");
        }
        return null;
    }
}
