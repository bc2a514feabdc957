package io.tunebook.model;

import io.tunebook.data.Message;
import io.tunebook.tokenizer.StreamingDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Writes on from a text, token by token. Immutable: each setting gives another generator. By default greedy, at most 256 tokens, ending where the model ends
 * its turn.
 */
public final class Generator {
    private final CausalLM model;
    private final Settings settings;
    private final Consumer<String> listener;

    /**
     * How the next token is chosen.
     *
     * @param maxTokens the most tokens to write
     * @param temperature divides the logits; 0 takes the likeliest token
     * @param topK only so many likeliest tokens are drawn from; 0 for all
     * @param topP only the likeliest tokens whose probabilities add up to this are drawn from
     * @param seed of the draws
     * @param stop texts that end the answer and do not belong to it
     */
    public record Settings(int maxTokens, double temperature, int topK, double topP, long seed, List<String> stop) {
        public Settings {
            if (maxTokens < 1 || temperature < 0 || topK < 0 || !(topP > 0 && topP <= 1)) {
                throw new IllegalArgumentException(
                        "expected maxTokens >= 1, temperature >= 0, topK >= 0 and 0 < topP <= 1, found " + maxTokens
                                + ", " + temperature + ", " + topK + ", " + topP);
            }
            stop = List.copyOf(stop);
        }
    }

    Generator(CausalLM model) {
        this(model, new Settings(256, 0, 0, 1, 42, List.of()), text -> {});
    }

    private Generator(CausalLM model, Settings settings, Consumer<String> listener) {
        this.model = model;
        this.settings = settings;
        this.listener = listener;
    }

    public Generator maxTokens(int most) {
        return with(
                new Settings(most, settings.temperature, settings.topK, settings.topP, settings.seed, settings.stop));
    }

    public Generator temperature(double temperature) {
        return with(new Settings(
                settings.maxTokens, temperature, settings.topK, settings.topP, settings.seed, settings.stop));
    }

    public Generator topK(int k) {
        return with(
                new Settings(settings.maxTokens, settings.temperature, k, settings.topP, settings.seed, settings.stop));
    }

    public Generator topP(double p) {
        return with(
                new Settings(settings.maxTokens, settings.temperature, settings.topK, p, settings.seed, settings.stop));
    }

    public Generator seed(long seed) {
        return with(new Settings(
                settings.maxTokens, settings.temperature, settings.topK, settings.topP, seed, settings.stop));
    }

    public Generator stop(String... texts) {
        return with(new Settings(
                settings.maxTokens, settings.temperature, settings.topK, settings.topP, settings.seed, List.of(texts)));
    }

    /** Hands the text over as it grows, never half a character. */
    public Generator onText(Consumer<String> consumer) {
        return new Generator(model, settings, consumer);
    }

    private Generator with(Settings other) {
        return new Generator(model, other, listener);
    }

    public Settings settings() {
        return settings;
    }

    /** Answers a user's message, by the model's chat template. */
    public String chat(String message) {
        return chat(List.of(Message.user(message)));
    }

    /** Answers a conversation, by the model's chat template. */
    public String chat(List<Message> conversation) {
        String prompt = model.tokenizer().chatTemplate().render(conversation, true);
        return text(tokens(model.tokenizer().ids(prompt, false)));
    }

    /** Writes on from a text as it stands, with the special tokens that the model wants before it. */
    public String generate(String prompt) {
        return text(tokens(model.tokenizer().ids(prompt, true)));
    }

    private String text(int[] ids) {
        String text = model.tokenizer().decode(ids);
        int end = stopAt(text);
        return end < 0 ? text : text.substring(0, end);
    }

    private int stopAt(String text) {
        return settings.stop.stream()
                .mapToInt(text::indexOf)
                .filter(i -> i >= 0)
                .min()
                .orElse(-1);
    }

    /**
     * The tokens that follow these, without the one that ends the turn.
     *
     * @throws IllegalArgumentException if there is nothing to begin with, or the model's context is too short
     */
    public int[] tokens(int... prompt) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("expected at least one token to begin with, found none");
        }
        int room = model.config().maxPositions() - prompt.length;
        int most = Math.min(settings.maxTokens, room);
        SplittableRandom random = new SplittableRandom(settings.seed);
        int[] ends = model.tokenizer().endOfTurnIds();
        List<Integer> written = new ArrayList<>();
        StreamingDecoder decoder = model.tokenizer().stream();
        StringBuilder text = new StringBuilder();
        try (CausalLM.Cache cache = model.new Cache(prompt.length + Math.max(most, 0))) {
            float[] logits = cache.next(prompt);
            while (written.size() < most) {
                int id = choose(logits, random);
                if (Arrays.stream(ends).anyMatch(e -> e == id)) {
                    break;
                }
                written.add(id);
                String piece = decoder.push(id);
                text.append(piece);
                if (stopAt(text.toString()) >= 0) {
                    break;
                }
                if (!piece.isEmpty()) {
                    listener.accept(piece);
                }
                if (Thread.currentThread().isInterrupted() || written.size() == most) {
                    break;
                }
                logits = cache.next(id);
            }
        }
        String last = decoder.end();
        if (!last.isEmpty()) {
            listener.accept(last);
        }
        return written.stream().mapToInt(Integer::intValue).toArray();
    }

    private int choose(float[] logits, SplittableRandom random) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        if (settings.temperature == 0) {
            return best;
        }
        float highest = logits[best];
        Integer[] order = new Integer[logits.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Float.compare(logits[b], logits[a]));
        int candidates = settings.topK == 0 ? logits.length : Math.min(settings.topK, logits.length);
        double[] p = new double[candidates];
        double sum = 0;
        for (int i = 0; i < candidates; i++) {
            p[i] = Math.exp((logits[order[i]] - highest) / settings.temperature);
            sum += p[i];
        }
        double kept = 0;
        int n = 0;
        while (n < candidates && kept < settings.topP * sum) {
            kept += p[n++];
        }
        double draw = random.nextDouble() * kept;
        for (int i = 0; i < n; i++) {
            draw -= p[i];
            if (draw < 0) {
                return order[i];
            }
        }
        return order[n - 1];
    }
}
