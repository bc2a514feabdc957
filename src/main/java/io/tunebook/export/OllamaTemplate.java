package io.tunebook.export;

import io.tunebook.data.Message;
import io.tunebook.export.ChatRendering.ProbeChat;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.ollama.template.TemplateTags;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What makes Ollama render a conversation as the model's own chat template does: a template in Go's syntax, a system
 * prompt and stop words.
 *
 * <p>A model is trained on the text that its chat template (Jinja) writes. Ollama's server writes its own with a
 * template in Go's syntax, and a server that gets none picks one by likeness, with another default system prompt or
 * none; the model then answers as if it had not been trained. The template here is derived from the chat template's
 * behaviour, and both are compared on conversations before anything is sent.
 *
 * @param template the template in Go's syntax; nothing where the model has no chat template, or none could be derived
 * @param system what the server puts before a chat without a system prompt, where the template does not do so itself
 * @param stops what ends an answer
 * @param differences where the server's text is not the training's
 * @param accepted whether to send it although plain conversations differ
 * @param own whether Ollama from 0.34.1 on takes the chat template inside the file all the same, since it can do more;
 *     nothing differs there
 * @param thinksUnasked whether such an Ollama begins an answer with a thought where a request does not say whether to
 * think, and the chat template by itself does not: an answer without a thought was then trained behind another text
 */
public record OllamaTemplate(
        Optional<String> template,
        Optional<String> system,
        List<String> stops,
        List<Difference> differences,
        boolean accepted,
        boolean own,
        boolean thinksUnasked) {

    private static final String THINKS =
            "Ollama 0.34.1 and newer let this model think first where a request does not say whether to, and its chat"
                    + " template by itself does not";

    /**
     * A conversation that the two templates render differently.
     *
     * @param conversation what it tries, such as {@code several turns}
     * @param plain whether it is one of system, user and assistant alone, without tools and thoughts
     * @param trained the model's own text
     * @param served the server's text, or why there is none
     */
    public record Difference(String conversation, boolean plain, String trained, String served) {
        /** Whether the same is written with other white space, as JSON with and without it. */
        boolean onlyWhiteSpace() {
            return trained.replaceAll("\\s", "").equals(served.replaceAll("\\s", ""));
        }

        @Override
        public String toString() {
            return conversation + ":\n  trained on " + shown(trained) + "\n  served as  " + shown(served);
        }

        private static String shown(String text) {
            String line = text.replace("\n", "\\n");
            return line.length() > 400 ? line.substring(0, 400) + "…" : line;
        }
    }

    /** Copies the lists. */
    public OllamaTemplate {
        stops = List.copyOf(stops);
        differences = List.copyOf(differences);
    }

    /**
     * Derives the template for a model from its files, and compares.
     *
     * @param model a GGUF file or blob, or a folder with a tokenizer
     * @throws ModelFormatException if there is no tokenizer to be read
     */
    public static OllamaTemplate of(Path model) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            return tokenizer.hasChatTemplate()
                    ? of(tokenizer, tokenizer.chatTemplate())
                    : new OllamaTemplate(Optional.empty(), Optional.empty(), List.of(), List.of(), false, false, false);
        }
    }

    /** Derives the template for a chat template, which may be another than the model's own, and compares. */
    public static OllamaTemplate of(Tokenizer tokenizer, ChatTemplate chatTemplate) {
        ChatRendering jinja = ChatRendering.of(tokenizer, chatTemplate);
        return of(jinja, stops(tokenizer, jinja));
    }

    static OllamaTemplate of(ChatRendering jinja, List<String> stops) {
        Optional<String> template = TemplateDerivation.of(jinja);
        // Without a template of ours the server takes one by likeness; the system prompt is the most that can be told
        // it.
        String system = template.isPresent() ? "" : TemplateDerivation.defaultSystem(jinja);
        return compared(jinja, template, system, stops);
    }

    /**
     * The template and system prompt that a stored model has, where they render plain conversations as the model's chat
     * template does; else those that are derived from it.
     */
    static OllamaTemplate of(StoredModel stored) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(stored.gguf())) {
            if (!tokenizer.hasChatTemplate()) {
                return new OllamaTemplate(
                        stored.template(), stored.system(), List.of(), List.of(), false, false, false);
            }
            if (stored.template().isPresent() && !stored.engine().containsKey("renderer")) {
                ChatRendering jinja = ChatRendering.of(tokenizer, tokenizer.chatTemplate());
                OllamaTemplate own =
                        compared(jinja, stored.template(), stored.system().orElse(""), stops(tokenizer, jinja));
                if (own.agrees()) {
                    return own;
                }
            }
            return of(tokenizer, tokenizer.chatTemplate());
        }
    }

    private static OllamaTemplate compared(
            ChatRendering jinja, Optional<String> template, String system, List<String> stops) {
        List<Difference> differences = new ArrayList<>();
        for (ProbeChat chat : ProbeChat.all()) {
            Optional<String> trained = jinja.prompt(chat);
            if (trained.isEmpty()) {
                continue; // the model was never trained on what its own template refuses
            }
            String served;
            try {
                served = template.isEmpty()
                        ? "(the template that the server finds)"
                        : chat.forOllama(system).render(GoTemplate.parse(template.get()));
            } catch (GoTemplateException refused) {
                served = "(" + refused.getMessage() + ")";
            }
            if (!served.equals(trained.get())) {
                differences.add(new Difference(chat.name(), chat.plain(), trained.get(), served));
            }
        }
        boolean own = template.isPresent() && ownDoesMore(jinja.source(), template.get());
        return new OllamaTemplate(
                template,
                Optional.of(system).filter(s -> !s.isEmpty()),
                stops,
                differences,
                false,
                own,
                own && thinksUnasked(jinja));
    }

    /** A server asks every model for thoughts that it takes for able to think, unless the request says otherwise. */
    private static boolean thinksUnasked(ChatRendering jinja) {
        List<Message> question = List.of(ProbeChat.USER);
        return TemplateTags.thinks(jinja.source())
                && !jinja.render(question, true).equals(jinja.render(question, true, List.of(), true));
    }

    private static boolean ownDoesMore(String chatTemplate, String template) {
        try {
            return TemplateTags.ownDoesMore(chatTemplate, template);
        } catch (GoTemplateException broken) {
            return false;
        }
    }

    private static List<String> stops(Tokenizer tokenizer, ChatRendering jinja) {
        Set<String> out = new LinkedHashSet<>();
        for (String mark : TemplateDerivation.marks(jinja)) {
            for (int id : tokenizer.ids(mark, false)) {
                if (tokenizer.isSpecial(id)) {
                    out.add(tokenizer.token(id));
                    break;
                }
            }
        }
        return List.copyOf(out);
    }

    /** Whether every plain conversation is rendered as the model was trained. */
    public boolean agrees() {
        return differences.stream().noneMatch(Difference::plain);
    }

    /** The same, to be sent although it does not agree. */
    public OllamaTemplate anyway() {
        return new OllamaTemplate(template, system, stops, differences, true, own, thinksUnasked);
    }

    /** Which conversations were compared, and where they part. */
    @Override
    public String toString() {
        if (template.isEmpty() && differences.isEmpty()) {
            return "the model has no chat template";
        }
        String others = differences.stream()
                .filter(d -> !d.plain())
                .map(d -> d.conversation() + (d.onlyWhiteSpace() ? " (white space alone)" : ""))
                .collect(Collectors.joining(", "));
        return (agrees()
                        ? "the server renders plain conversations as the model was trained on them"
                        : "the server renders conversations otherwise than the model was trained on them")
                + (others.isEmpty() ? "" : "; what differs: " + others)
                + (own && !others.isEmpty()
                        ? ", unless it is Ollama 0.34.1 or newer, which takes the file's own template"
                        : "")
                + (thinksUnasked ? "; " + THINKS + ": \"think\": false asks as the template does" : "");
    }

    /**
     * Stops an export that would make the model look untrained. Where plain conversations agree and others do not, a
     * warning names those: a model that was not trained on tools or thoughts loses nothing by them.
     */
    void require() {
        if (!agrees() && !accepted) {
            throw new IllegalStateException(
                    "Ollama would render conversations otherwise than the model was trained on them, and the model"
                            + " would answer as if it were not trained. Send it nonetheless with OllamaTemplate.of(model).anyway(),"
                            + " or train under a simpler chat template. The conversations that differ:\n"
                            + differences.stream()
                                    .filter(Difference::plain)
                                    .map(Difference::toString)
                                    .collect(Collectors.joining("\n")));
        }
        List<Difference> others = differences.stream()
                .filter(d -> !d.plain() && !d.onlyWhiteSpace() && concerns(d))
                .toList();
        if (!others.isEmpty() && !accepted) {
            System.err.println(
                    "Warning: Ollama would render these conversations otherwise than the model's chat template does: "
                            + others.stream().map(Difference::conversation).collect(Collectors.joining(", "))
                            + (own
                                    ? " (0.34.1 and newer take the file's own template for this model, and render them as it does)"
                                    : "")
                            + ". If the model was trained on such, look at OllamaTemplate.of(model).differences() first."
                            + " OllamaTemplate.of(model).anyway() sends it without this warning.");
        }
        if (thinksUnasked && !accepted) {
            System.err.println("Warning: " + THINKS
                    + ". If it was trained on answers without thoughts, ask it with \"think\": false (ChatRequest.think(false), or"
                    + " ollama run NAME --think=false): that is the text it was trained on.");
        }
    }

    /** Tools matter to a model only where its chat template tells them. */
    private static boolean concerns(Difference d) {
        return ProbeChat.all().stream()
                .filter(chat -> chat.name().equals(d.conversation()))
                .noneMatch(chat -> !chat.tools().isEmpty() && !ProbeChat.tellsTools(d.trained()));
    }
}
