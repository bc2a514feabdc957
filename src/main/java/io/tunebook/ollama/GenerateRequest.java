package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What {@code /api/generate} is asked: one prompt, no chat. Begin with {@link #of}; the methods give copies with one
 * thing more.
 *
 * @param model the model's name
 * @param prompt what is to be completed
 * @param suffix what comes behind the completion, for models that fill in; null without
 * @param system the instructions in place of the model's own; null for those
 * @param raw whether the prompt is sent as it is, without the model's template; null for no
 * @param images images as base64; null without
 * @param options by Ollama's names: {@code temperature}, {@code seed}, {@code num_predict}, {@code num_ctx},
 *     {@code stop} …
 * @param format {@code "json"} or a JSON schema; null for free text
 * @param think whether to think first, or how much; null for the model's own way
 * @param keepAlive how long the model stays loaded: seconds, or a text such as {@code 5m}; null for the server's own
 *     way
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record GenerateRequest(
        String model,
        String prompt,
        String suffix,
        String system,
        Boolean raw,
        List<String> images,
        Map<String, Object> options,
        Object format,
        Object think,
        @JsonProperty("keep_alive") Object keepAlive) {

    /** A prompt and nothing else. */
    public static GenerateRequest of(String model, String prompt) {
        return new GenerateRequest(model, prompt, null, null, null, null, Map.of(), null, null, null);
    }

    /** With what comes behind the completion. */
    public GenerateRequest suffix(String text) {
        return new GenerateRequest(model, prompt, text, system, raw, images, options, format, think, keepAlive);
    }

    /** With other instructions than the model's own. */
    public GenerateRequest system(String text) {
        return new GenerateRequest(model, prompt, suffix, text, raw, images, options, format, think, keepAlive);
    }

    /** The prompt is sent as it is. */
    public GenerateRequest asItIs() {
        return new GenerateRequest(model, prompt, suffix, system, true, images, options, format, think, keepAlive);
    }

    /** With an image beside the prompt. */
    public GenerateRequest withImage(Path file) throws IOException {
        List<String> all = new ArrayList<>(images == null ? List.of() : images);
        all.add(Base64.getEncoder().encodeToString(Files.readAllBytes(file)));
        return new GenerateRequest(model, prompt, suffix, system, raw, all, options, format, think, keepAlive);
    }

    /** With an option, such as {@code temperature}. */
    public GenerateRequest option(String name, Object value) {
        Map<String, Object> all = new LinkedHashMap<>(options);
        all.put(name, value);
        return new GenerateRequest(model, prompt, suffix, system, raw, images, all, format, think, keepAlive);
    }

    /** The answer is to be JSON that fits this record; read it with {@link ChatResponse#as}. */
    public GenerateRequest format(Class<? extends Record> record) {
        return new GenerateRequest(
                model, prompt, suffix, system, raw, images, options, JsonSchema.of(record), think, keepAlive);
    }

    /** Whether the model thinks before it answers. */
    public GenerateRequest think(boolean first) {
        return new GenerateRequest(model, prompt, suffix, system, raw, images, options, format, first, keepAlive);
    }

    /** How long the model stays loaded after the answer; a negative time for ever, zero unloads it. */
    public GenerateRequest keepAlive(Duration time) {
        return new GenerateRequest(
                model,
                prompt,
                suffix,
                system,
                raw,
                images,
                options,
                format,
                think,
                time.isNegative() ? -1 : time.toSeconds());
    }
}
