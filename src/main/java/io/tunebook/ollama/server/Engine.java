package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.tunebook.ollama.llamacpp.LlamaSampler;
import java.util.ArrayList;
import java.util.List;

/** A model in the process of a {@link RunnerProcess}, for one request at a time. */
interface Engine {
    /** A text's tokens, without what the model puts before every text. */
    int[] tokens(String text);

    /** The text of tokens, special ones too. */
    String text(int[] tokens);

    /** A text's vector. */
    float[] embed(String text);

    /** Whether it tells how likely its tokens were. */
    boolean givesLogprobs();

    /**
     * Goes on from a prompt.
     *
     * @throws IllegalArgumentException if the prompt is too long or the grammar has faults
     */
    Runner.Figures complete(Completion completion, Output output);

    /**
     * What to go on from and how.
     *
     * @param options by Ollama's names
     * @param grammar in GBNF, null for free text
     * @param likely how many of the likeliest tokens are told with each token: -1 for no probabilities at all
     */
    record Completion(String prompt, JsonNode options, String grammar, int likely) {}

    /** Takes an answer as it comes. */
    interface Output {
        /**
         * A piece of the text.
         *
         * @param logprobs as Ollama tells them; null where nobody asked
         */
        void piece(String text, ArrayNode logprobs);

        /** Whether nobody wants the rest. */
        boolean stopped();
    }

    /** How tokens are chosen: a request's options by Ollama's names, with Ollama's defaults. */
    final class SamplingOptions {
        static final double TEMPERATURE = 0.8;
        static final int TOP_K = 40;
        static final double TOP_P = 0.9;
        static final int REPEAT_LAST = 64;

        private SamplingOptions() {}

        /** For llama.cpp's samplers. */
        static LlamaSampler.Settings of(JsonNode options) {
            return new LlamaSampler.Settings(
                    (float) options.path("temperature").asDouble(TEMPERATURE),
                    options.path("top_k").asInt(TOP_K),
                    (float) options.path("top_p").asDouble(TOP_P),
                    (float) options.path("min_p").asDouble(0),
                    (float) options.path("typical_p").asDouble(1.0),
                    options.path("repeat_last_n").asInt(REPEAT_LAST),
                    (float) options.path("repeat_penalty").asDouble(1.0),
                    (float) options.path("frequency_penalty").asDouble(0),
                    (float) options.path("presence_penalty").asDouble(0),
                    options.path("seed").asInt(-1));
        }

        /**
         * How many tokens an answer may have.
         *
         * @throws IllegalArgumentException if the prompt fills the context
         */
        static int limit(JsonNode options, int context, int promptTokens) {
            int room = context - promptTokens;
            if (room <= 0) {
                throw new IllegalArgumentException("the input length exceeds the context length");
            }
            int asked = options.path("num_predict").asInt(-1);
            return asked <= 0 ? room : Math.min(asked, room);
        }

        /** The texts that end an answer. */
        static List<String> stops(JsonNode options) {
            List<String> stops = new ArrayList<>();
            JsonNode stop = options.path("stop");
            if (stop.isTextual()) {
                stops.add(stop.asText());
            }
            stop.forEach(s -> stops.add(s.asText()));
            stops.removeIf(String::isEmpty);
            return stops;
        }
    }
}
