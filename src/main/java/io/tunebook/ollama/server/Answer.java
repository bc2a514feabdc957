package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

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

    /** What an answer came to so far. */
    final class Said {
        final StringBuilder text = new StringBuilder();
        final StringBuilder thoughts = new StringBuilder();
        final List<JsonNode> logprobs = new ArrayList<>();
        final List<ObjectNode> calls = new ArrayList<>();

        private void add(String content, String thinking, List<JsonNode> some) {
            text.append(content);
            thoughts.append(thinking);
            logprobs.addAll(some);
        }
    }

    /** An answer in Ollama's own form: a line of JSON for each piece, or one object at the end. */
    final class OllamaAnswer implements Answer {
        private static final ObjectMapper JSON = Json.wire();

        private final HttpExchange exchange;
        private final String model;
        private final boolean chat;
        private final boolean stream;
        private final Said said = new Said();

        OllamaAnswer(HttpExchange exchange, String model, boolean chat, boolean stream) {
            this.exchange = exchange;
            this.model = model;
            this.chat = chat;
            this.stream = stream;
        }

        @Override
        public void nothing(String reason) throws IOException {
            LocalHttp.send(exchange, 200, object("", "", true).put("done_reason", reason));
        }

        @Override
        public void rendered(String prompt) throws IOException {
            ObjectNode out = object("", "", false);
            if (chat) {
                // As Ollama: there is no message yet.
                out.putObject("message").put("role", "").put("content", "");
            }
            out.putObject("_debug_info").put("rendered_template", prompt);
            LocalHttp.send(exchange, 200, out);
        }

        @Override
        public void piece(String content, String thinking, List<JsonNode> some) throws IOException {
            said.add(content, thinking, some);
            if (stream) {
                ObjectNode line = object(content, thinking, false);
                if (!some.isEmpty()) {
                    line.putArray("logprobs").addAll(some);
                }
                LocalHttp.line(exchange, line);
            }
        }

        @Override
        public void calls(List<ObjectNode> some) throws IOException {
            said.calls.addAll(some);
            if (stream) {
                ObjectNode line = object("", "", false);
                ((ObjectNode) line.get("message")).putArray("tool_calls").addAll(some);
                LocalHttp.line(exchange, line);
            }
        }

        @Override
        public void end(Ending e) throws IOException {
            ObjectNode last =
                    stream ? object("", "", true) : object(said.text.toString(), said.thoughts.toString(), true);
            if (!stream && !said.calls.isEmpty()) {
                ((ObjectNode) last.get("message")).putArray("tool_calls").addAll(said.calls);
            }
            last.put("done_reason", e.reason());
            if (e.context() != null) {
                last.set("context", JSON.valueToTree(e.context()));
            }
            last.put("total_duration", e.total())
                    .put("load_duration", e.load())
                    .put("prompt_eval_count", e.promptTokens())
                    .put("prompt_eval_cached_count", e.cached())
                    .put("prompt_eval_duration", e.promptTime())
                    .put("eval_count", e.tokens())
                    .put("eval_duration", e.time());
            if (!stream && !said.logprobs.isEmpty()) {
                last.putArray("logprobs").addAll(said.logprobs);
            }
            if (stream) {
                LocalHttp.line(exchange, last);
            } else {
                LocalHttp.send(exchange, 200, last);
            }
        }

        private ObjectNode object(String content, String thinking, boolean done) {
            ObjectNode out = JSON.createObjectNode()
                    .put("model", model)
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
    }

    /**
     * An answer in the form of OpenAI's interface, as Ollama gives it under {@code /v1}: one object, or server-sent
     * events.
     *
     * @see <a href="https://docs.ollama.com/api/openai-compatibility">Ollama: OpenAI compatibility</a>
     */
    final class OpenAiAnswer implements Answer {
        private static final ObjectMapper JSON = Json.wire();

        private final HttpExchange exchange;
        private final String model;
        private final boolean chat;
        private final boolean stream;
        private final boolean usage;
        private final String id;
        private final long created = Instant.now().getEpochSecond();
        private final Said said = new Said();
        private boolean begun;

        /**
         * An answer.
         *
         * @param usage whether a stream tells at its end how many tokens there were
         */
        OpenAiAnswer(HttpExchange exchange, String model, boolean chat, boolean stream, boolean usage) {
            this.exchange = exchange;
            this.model = model;
            this.chat = chat;
            this.stream = stream;
            this.usage = usage;
            this.id =
                    (chat ? "chatcmpl-" : "cmpl-") + ThreadLocalRandom.current().nextInt(1000);
        }

        @Override
        public void nothing(String reason) throws IOException {
            end(new Ending(reason, null, 0, 0, 0, -1, 0, 0, 0));
        }

        @Override
        public void rendered(String prompt) {
            throw new LocalHttp.Refusal(400, "_debug_render_only belongs to /api/chat");
        }

        @Override
        public void piece(String content, String thinking, List<JsonNode> some) throws IOException {
            said.add(content, thinking, some);
            if (stream) {
                ObjectNode out = chunk(content, thinking, null);
                tell(some, (ObjectNode) out.at("/choices/0"));
                event(out);
            }
        }

        @Override
        public void calls(List<ObjectNode> some) throws IOException {
            for (ObjectNode call : some) {
                ObjectNode function = (ObjectNode) call.get("function");
                ObjectNode own = JSON.createObjectNode()
                        .put("id", call.path("id").asText())
                        .put("index", function.path("index").asInt())
                        .put("type", "function");
                own.putObject("function")
                        .put("name", function.path("name").asText())
                        .put("arguments", function.path("arguments").toString());
                said.calls.add(own);
            }
            if (stream) {
                ObjectNode out = chunk("", "", null);
                ((ObjectNode) out.at("/choices/0/delta"))
                        .putArray("tool_calls")
                        .addAll(said.calls.subList(said.calls.size() - some.size(), said.calls.size()));
                event(out);
            }
        }

        @Override
        public void end(Ending e) throws IOException {
            String reason = said.calls.isEmpty() ? e.reason() : "tool_calls";
            ObjectNode tokens = JSON.createObjectNode().put("prompt_tokens", e.promptTokens());
            if (e.cached() >= 0) {
                tokens.putObject("prompt_tokens_details").put("cached_tokens", e.cached());
            }
            tokens.put("completion_tokens", e.tokens()).put("total_tokens", e.promptTokens() + e.tokens());
            if (stream) {
                event(chunk("", "", reason));
                if (usage) {
                    ObjectNode last = head(true);
                    last.putArray("choices");
                    last.set("usage", tokens);
                    event(last);
                }
                LocalHttp.event(exchange, "[DONE]");
                return;
            }
            ObjectNode out = head(false);
            ObjectNode choice = out.putArray("choices").addObject().put("index", 0);
            if (chat) {
                ObjectNode message =
                        choice.putObject("message").put("role", "assistant").put("content", said.text.toString());
                if (!said.thoughts.isEmpty()) {
                    message.put("reasoning", said.thoughts.toString());
                }
                if (!said.calls.isEmpty()) {
                    message.putArray("tool_calls").addAll(said.calls);
                }
            } else {
                choice.put("text", said.text.toString());
            }
            choice.put("finish_reason", reason);
            tell(said.logprobs, choice);
            out.set("usage", tokens);
            LocalHttp.send(exchange, 200, out);
        }

        /** Ollama leaves them out where a prompt alone was completed. */
        private void tell(List<JsonNode> logprobs, ObjectNode choice) {
            if (chat && !logprobs.isEmpty()) {
                choice.putObject("logprobs").putArray("content").addAll(logprobs);
            }
        }

        private ObjectNode chunk(String content, String thinking, String reason) {
            ObjectNode out = head(true);
            ObjectNode choice = out.putArray("choices").addObject().put("index", 0);
            if (chat) {
                ObjectNode delta = choice.putObject("delta");
                if (!begun) {
                    delta.put("role", "assistant");
                }
                if (reason == null || !begun) {
                    delta.put("content", content);
                }
                if (!thinking.isEmpty()) {
                    delta.put("reasoning", thinking);
                }
            } else {
                choice.put("text", content);
            }
            begun = true;
            choice.put("finish_reason", reason);
            if (usage && !chat) {
                out.putObject("usage")
                        .put("prompt_tokens", 0)
                        .put("completion_tokens", 0)
                        .put("total_tokens", 0);
            }
            return out;
        }

        private ObjectNode head(boolean chunk) {
            return JSON.createObjectNode()
                    .put("id", id)
                    .put("object", !chat ? "text_completion" : chunk ? "chat.completion.chunk" : "chat.completion")
                    .put("created", created)
                    .put("model", model)
                    .put("system_fingerprint", "fp_ollama");
        }

        private void event(ObjectNode json) throws IOException {
            LocalHttp.event(exchange, JSON.writeValueAsString(json));
        }
    }
}
