package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;

/** Takes what a model says and tells it to a client, in the client's form. */
interface Answer {
    /** Nothing was asked: the model was loaded, or unloaded. */
    void nothing(String reason) throws IOException;

    /** The prompt alone was asked for. */
    void rendered(String prompt) throws IOException;

    /**
     * A piece of the answer as it comes; either text may be empty, and both where only probabilities are told.
     *
     * @param logprobs how likely its tokens were, as Ollama tells it; empty where nobody asked
     */
    void piece(String content, String thinking, List<JsonNode> logprobs) throws IOException;

    /** The model wants tools called, as {@code tool_calls} has them. */
    void calls(List<ObjectNode> calls) throws IOException;

    /** The answer is whole. */
    void end(Ending ending) throws IOException;

    /**
     * How an answer ended; times in nanoseconds.
     *
     * @param reason {@code stop} or {@code length}
     * @param promptTokens all tokens of the prompt
     * @param cached how many of them were known from the request before
     * @param context the tokens of the conversation, for {@code /api/generate}; null where they are not told
     */
    record Ending(
            String reason,
            int[] context,
            long total,
            long load,
            int promptTokens,
            int cached,
            long promptTime,
            int tokens,
            long time) {}
}
