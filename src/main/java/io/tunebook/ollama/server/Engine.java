package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;

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
}
