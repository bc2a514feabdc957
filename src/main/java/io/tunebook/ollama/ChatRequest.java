package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What {@code /api/chat} is asked. Begin with {@link #of}; the methods give copies with one thing more.
 *
 * @param model the model's name
 * @param messages the chat so far
 * @param options by Ollama's names: {@code temperature}, {@code seed}, {@code num_predict}, {@code num_ctx},
 *     {@code stop} …
 * @param format {@code "json"} or a JSON schema; null for free text
 * @param think whether to think first, or how much ({@code low}, {@code medium}, {@code high}); null for the model's
 *     own way
 * @param tools what the model may call
 * @param keepAlive how long the model stays loaded: seconds, or a text such as {@code 5m}; null for the server's own
 *     way
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record ChatRequest(
        String model,
        List<ChatMessage> messages,
        Map<String, Object> options,
        Object format,
        Object think,
        List<Tool> tools,
        @JsonProperty("keep_alive") Object keepAlive) {

    /** A chat with nothing but messages. */
    public static ChatRequest of(String model, ChatMessage... messages) {
        return new ChatRequest(model, List.of(messages), Map.of(), null, null, List.of(), null);
    }

    /** With other messages. */
    public ChatRequest messages(List<ChatMessage> all) {
        return new ChatRequest(model, List.copyOf(all), options, format, think, tools, keepAlive);
    }

    /** With an option, such as {@code temperature}. */
    public ChatRequest option(String name, Object value) {
        Map<String, Object> all = new LinkedHashMap<>(options);
        all.put(name, value);
        return new ChatRequest(model, messages, all, format, think, tools, keepAlive);
    }

    /** The answer is to be JSON that fits this record; read it with {@link ChatResponse#as}. */
    public ChatRequest format(Class<? extends Record> record) {
        return new ChatRequest(model, messages, options, JsonSchema.of(record), think, tools, keepAlive);
    }

    /** The answer is to be JSON of any form; say in a message which one. */
    public ChatRequest json() {
        return new ChatRequest(model, messages, options, "json", think, tools, keepAlive);
    }

    /** Whether the model thinks before it answers. */
    public ChatRequest think(boolean first) {
        return new ChatRequest(model, messages, options, format, first, tools, keepAlive);
    }

    /**
     * How much the model thinks before it answers, for models that know {@code low}, {@code medium}, {@code high} and
     * {@code max}.
     */
    public ChatRequest think(String level) {
        return new ChatRequest(model, messages, options, format, level, tools, keepAlive);
    }

    /** What the model may call; {@link Ollama#chat(ChatRequest)} calls it and goes on. */
    public ChatRequest tools(Tool... all) {
        return new ChatRequest(model, messages, options, format, think, List.of(all), keepAlive);
    }

    /** How long the model stays loaded after the answer; a negative time for ever, zero unloads it. */
    public ChatRequest keepAlive(Duration time) {
        return new ChatRequest(
                model, messages, options, format, think, tools, time.isNegative() ? -1 : time.toSeconds());
    }

    /** The tool of a name, null where there is none. */
    @JsonIgnore
    Tool tool(String name) {
        return tools.stream().filter(t -> t.name().equals(name)).findFirst().orElse(null);
    }
}
