package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.ollama.llamacpp.LlamaModel;
import io.tunebook.ollama.llamacpp.LlamaSampler;
import io.tunebook.ollama.server.Engine.SamplingOptions;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** llama.cpp by its C interface. */
final class LlamaCppEngine implements Engine {
    private static final ObjectMapper JSON = Json.wire();

    private final LlamaModel model;
    private final int context;

    LlamaCppEngine(LlamaModel model, int context) {
        this.model = model;
        this.context = context;
    }

    @Override
    public int[] tokens(String text) {
        return model.tokens(text, false);
    }

    @Override
    public String text(int[] tokens) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int token : tokens) {
            bytes.writeBytes(model.piece(token, true));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Override
    public float[] embed(String text) {
        return model.embed(text);
    }

    @Override
    public boolean givesLogprobs() {
        return true;
    }

    @Override
    public Runner.Figures complete(Completion completion, Output output) {
        int[] prompt = model.tokens(completion.prompt(), true);
        int limit = SamplingOptions.limit(completion.options(), context, prompt.length);
        LlamaSampler.Settings settings = SamplingOptions.of(completion.options());
        try (LlamaSampler sampler = new LlamaSampler(model, settings, completion.grammar())) {
            long start = System.nanoTime();
            int cached = model.prompt(prompt, output::stopped);
            for (int i = Math.max(0, prompt.length - settings.repeatLast()); i < prompt.length; i++) {
                sampler.saw(prompt[i]);
            }
            AnswerText text = new AnswerText(SamplingOptions.stops(completion.options()));
            long first = 0;
            int tokens = 0;
            boolean ended = false;
            while (!ended && tokens < limit && !output.stopped()) {
                int token = sampler.next();
                first = first == 0 ? System.nanoTime() : first;
                tokens++;
                ended = model.ends(token);
                String piece = text.add(model.piece(token, false));
                if (ended) {
                    piece += text.end();
                }
                if (!piece.isEmpty()) {
                    output.piece(piece, completion.likely() < 0 ? null : logprobs(token, piece, completion.likely()));
                }
                ended |= text.stopped();
                if (!ended && tokens < limit) {
                    model.next(token);
                }
            }
            if (!ended) {
                String rest = text.end();
                if (!rest.isEmpty()) {
                    output.piece(rest, null);
                }
            }
            long end = System.nanoTime();
            first = first == 0 ? end : first;
            return new Runner.Figures(prompt.length, cached, first - start, tokens, end - first, !ended);
        }
    }

    /**
     * How likely a token was before anything was chosen, and the likeliest tokens.
     *
     * @param text what was told with it, which may begin with what was kept back before
     */
    private ArrayNode logprobs(int token, String text, int likely) {
        float[] logits = model.logits();
        float highest = Float.NEGATIVE_INFINITY;
        for (float logit : logits) {
            highest = Math.max(highest, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - highest);
        }
        double normalizer = highest + Math.log(sum);
        ObjectNode chosen = told(text, logits[token] - normalizer);
        if (likely > 0) {
            ArrayNode top = chosen.putArray("top_logprobs");
            for (int id : likeliest(logits, likely)) {
                byte[] piece = model.piece(id, false);
                String whole = new String(Arrays.copyOf(piece, AnswerText.whole(piece)), StandardCharsets.UTF_8);
                top.add(told(whole, logits[id] - normalizer));
            }
        }
        return JSON.createArrayNode().add(chosen);
    }

    private static int[] likeliest(float[] logits, int count) {
        int[] best = new int[Math.min(count, logits.length)];
        int found = 0;
        for (int id = 0; id < logits.length; id++) {
            if (found == best.length && logits[id] <= logits[best[found - 1]]) {
                continue;
            }
            int at = found < best.length ? found++ : found - 1;
            for (; at > 0 && logits[id] > logits[best[at - 1]]; at--) {
                best[at] = best[at - 1];
            }
            best[at] = id;
        }
        return best;
    }

    private static ObjectNode told(String text, double logprob) {
        ObjectNode told = JSON.createObjectNode().put("token", text).put("logprob", logprob);
        if (!text.isEmpty()) {
            ArrayNode bytes = told.putArray("bytes");
            for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
                bytes.add(b & 0xff);
            }
        }
        return told;
    }

    /**
     * Makes text of tokens' bytes as they come. It keeps back bytes that do not yet end a character, and text that may
     * be the beginning of one of the texts that end an answer.
     */
    static final class AnswerText {
        private final List<String> stops;
        private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
        private boolean stopped;

        AnswerText(List<String> stops) {
            this.stops = stops;
        }

        /** Adds a token's bytes; what can be told now, often nothing. */
        String add(byte[] piece) {
            kept.writeBytes(piece);
            byte[] bytes = kept.toByteArray();
            return whole(bytes) < bytes.length ? "" : told(new String(bytes, StandardCharsets.UTF_8), false);
        }

        /** The rest, when there are no more tokens; a character that is not whole never will be. */
        String end() {
            byte[] bytes = kept.toByteArray();
            return told(new String(bytes, 0, whole(bytes), StandardCharsets.UTF_8), true);
        }

        /** Whether one of the texts that end an answer came. */
        boolean stopped() {
            return stopped;
        }

        private String told(String text, boolean last) {
            int at = Integer.MAX_VALUE;
            for (String stop : stops) {
                int found = text.indexOf(stop);
                at = found < 0 ? at : Math.min(at, found);
            }
            if (at < Integer.MAX_VALUE) {
                stopped = true;
                kept.reset();
                return text.substring(0, at);
            }
            if (!last && stops.stream().anyMatch(stop -> beginsAtTheEnd(text, stop))) {
                return "";
            }
            kept.reset();
            return text;
        }

        private static boolean beginsAtTheEnd(String text, String stop) {
            for (int length = Math.min(text.length(), stop.length() - 1); length > 0; length--) {
                if (text.regionMatches(text.length() - length, stop, 0, length)) {
                    return true;
                }
            }
            return false;
        }

        /** How many of the bytes are whole characters in UTF-8: all of them but the last three at most. */
        static int whole(byte[] bytes) {
            for (int back = 1; back <= Math.min(3, bytes.length); back++) {
                int b = bytes[bytes.length - back] & 0xff;
                if (b >= 0xc0) {
                    int length = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
                    return length > back ? bytes.length - back : bytes.length;
                }
                if (b < 0x80) {
                    break;
                }
            }
            return bytes.length;
        }
    }
}
