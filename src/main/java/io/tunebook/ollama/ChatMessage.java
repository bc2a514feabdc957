package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * One message of a chat.
 *
 * @param role {@code system}, {@code user}, {@code assistant} or {@code tool}
 * @param content the text
 * @param thinking what the model thought before its answer; null without
 * @param images images as base64; null without
 * @param toolCalls the tools that the model wants called; null without
 * @param toolName the tool that a message of the role {@code tool} answers for; null otherwise
 * @param toolCallId the call that it answers, where calls have identities; null otherwise
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ChatMessage(
        String role,
        String content,
        String thinking,
        List<String> images,
        @JsonProperty("tool_calls") List<ToolCall> toolCalls,
        @JsonProperty("tool_name") String toolName,
        @JsonProperty("tool_call_id") String toolCallId) {

    /**
     * A tool that the model wants called.
     *
     * @param id what the tool's answer refers to; null where the server gives none
     * @param function its name and arguments
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record ToolCall(String id, Function function) {
        /**
         * A name with arguments.
         *
         * @param name the tool's name
         * @param arguments its arguments by name
         */
        @JsonIgnoreProperties(ignoreUnknown = true)
        public record Function(String name, Map<String, Object> arguments) {}
    }

    /** What the user says. */
    public static ChatMessage user(String content) {
        return new ChatMessage("user", content, null, null, null, null, null);
    }

    /** What the model is told beforehand. */
    public static ChatMessage system(String content) {
        return new ChatMessage("system", content, null, null, null, null, null);
    }

    /** What the model said. */
    public static ChatMessage assistant(String content) {
        return new ChatMessage("assistant", content, null, null, null, null, null);
    }

    /** What a tool answered. */
    public static ChatMessage tool(ToolCall call, String content) {
        return new ChatMessage(
                "tool", content, null, null, null, call.function().name(), call.id());
    }

    /** The same message with an image beside its text. */
    public ChatMessage withImage(Path file) throws IOException {
        List<String> all = new ArrayList<>(images == null ? List.of() : images);
        all.add(Base64.getEncoder().encodeToString(Files.readAllBytes(file)));
        return new ChatMessage(role, content, thinking, List.copyOf(all), toolCalls, toolName, toolCallId);
    }
}
