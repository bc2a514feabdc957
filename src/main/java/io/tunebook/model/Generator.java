package io.tunebook.model;

import io.tunebook.data.Message;
import io.tunebook.tokenizer.StreamingDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Writes on from a text, token by token. Immutable: each setting gives another generator. By default greedy, at most
 * 256 tokens, ending where the model ends its turn.
 *
 * <p>On a CPU llama.cpp computes the logits where the environment's {@code TUNEBOOK_GENERATOR} names its folder, as the
 * set-up has it, and where it can: {@link CausalLM#writer} says which. They are those of PyTorch but for the rounding:
 * llama.cpp multiplies by a file's blocks with values of eight bits, and keeps keys and values in float16. Beyond 256
 * tokens its rounding also follows the number of its threads, which is one while other programs use the cores. With
 * {@code TUNEBOOK_GENERATOR=pytorch} it is PyTorch that writes.
 */
public final class Generator {
    private final CausalLM model;
    private final Settings settings;
    private final Consumer<String> listener;

    /**
     * How the next token is chosen. The filters come in the order of Transformers: repetition penalty, temperature,
     * top-k, top-p, min-p.
     *
     * @param maxTokens the most tokens to write
     * @param temperature divides the logits; 0 takes the likeliest token
     * @param topK only so many likeliest tokens are drawn from; 0 for all
     * @param topP only the likeliest tokens whose probabilities add up to this are drawn from; 1 for all
     * @param minP only tokens of at least this share of the likeliest one's probability are drawn from; 0 for all
     * @param repetitionPenalty divides the positive logits of all tokens that were there before, prompt included, and
     *     multiplies the negative ones (Keskar et al., 2019); 1 for none
     * @param seed of the draws
     * @param stop texts that end the answer and do not belong to it
     */
    public record Settings(
            int maxTokens,
            double temperature,
            int topK,
            double topP,
            double minP,
            double repetitionPenalty,
            long seed,
            List<String> stop) {
        public Settings {
            require(maxTokens >= 1, "maxTokens", "at least 1", maxTokens);
            require(temperature >= 0, "temperature", "0 or a positive number", temperature);
            require(topK >= 0, "topK", "0 or a positive number", topK);
            require(topP > 0 && topP <= 1, "topP", "a share above 0, at most 1", topP);
            require(minP >= 0 && minP <= 1, "minP", "a share from 0 to 1", minP);
            require(repetitionPenalty > 0, "repetitionPenalty", "a positive number", repetitionPenalty);
            stop = List.copyOf(stop);
            require(stop.stream().noneMatch(String::isEmpty), "stop", "texts that are not empty", stop);
        }

        private static void require(boolean holds, String field, String expected, Object found) {
            if (!holds) {
                throw new IllegalArgumentException(field + ": expected " + expected + ", found " + found);
            }
        }
    }

    Generator(CausalLM model) {
        this(model, new Settings(256, 0, 0, 1, 0, 1, 42, List.of()), text -> {});
    }

    private Generator(CausalLM model, Settings settings, Consumer<String> listener) {
        this.model = model;
        this.settings = settings;
        this.listener = listener;
    }

    public Generator maxTokens(int most) {
        Settings s = settings;
        return with(new Settings(most, s.temperature, s.topK, s.topP, s.minP, s.repetitionPenalty, s.seed, s.stop));
    }

    public Generator temperature(double value) {
        Settings s = settings;
        return with(new Settings(s.maxTokens, value, s.topK, s.topP, s.minP, s.repetitionPenalty, s.seed, s.stop));
    }

    public Generator topK(int k) {
        Settings s = settings;
        return with(new Settings(s.maxTokens, s.temperature, k, s.topP, s.minP, s.repetitionPenalty, s.seed, s.stop));
    }

    public Generator topP(double p) {
        Settings s = settings;
        return with(new Settings(s.maxTokens, s.temperature, s.topK, p, s.minP, s.repetitionPenalty, s.seed, s.stop));
    }

    public Generator minP(double share) {
        Settings s = settings;
        return with(
                new Settings(s.maxTokens, s.temperature, s.topK, s.topP, share, s.repetitionPenalty, s.seed, s.stop));
    }

    public Generator repetitionPenalty(double factor) {
        Settings s = settings;
        return with(new Settings(s.maxTokens, s.temperature, s.topK, s.topP, s.minP, factor, s.seed, s.stop));
    }

    public Generator seed(long seed) {
        Settings s = settings;
        return with(
                new Settings(s.maxTokens, s.temperature, s.topK, s.topP, s.minP, s.repetitionPenalty, seed, s.stop));
    }

    public Generator stop(String... texts) {
        Settings s = settings;
        return with(new Settings(
                s.maxTokens, s.temperature, s.topK, s.topP, s.minP, s.repetitionPenalty, s.seed, List.of(texts)));
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
        int told = 0;
        try (Continuation continuation = model.continuation(prompt.length + Math.max(most, 0))) {
            float[] logits = continuation.next(prompt);
            while (written.size() < most) {
                int[] before = settings.repetitionPenalty == 1
                        ? prompt
                        : IntStream.concat(
                                        Arrays.stream(prompt), written.stream().mapToInt(Integer::intValue))
                                .toArray();
                int id = choose(logits, before, settings, random);
                if (Arrays.stream(ends).anyMatch(e -> e == id)) {
                    break;
                }
                written.add(id);
                text.append(decoder.push(id));
                told = tell(text, told, false);
                if (stopAt(text.toString()) >= 0) {
                    break;
                }
                if (Thread.currentThread().isInterrupted() || written.size() == most) {
                    break;
                }
                logits = continuation.next(id);
            }
        }
        text.append(decoder.end());
        tell(text, told, true);
        return written.stream().mapToInt(Integer::intValue).toArray();
    }

    /**
     * Hands over what is certain: the text before a stop text, and while more may come not what could be the beginning
     * of one.
     *
     * @return how much of the text has been handed over
     */
    private int tell(StringBuilder text, int told, boolean whole) {
        int stop = stopAt(text.toString());
        int end = stop >= 0 ? stop : text.length();
        if (stop < 0 && !whole) {
            for (String s : settings.stop) {
                for (int n = Math.min(s.length() - 1, text.length()); n > 0; n--) {
                    if (s.startsWith(text.substring(text.length() - n))) {
                        end = Math.min(end, text.length() - n);
                        break;
                    }
                }
            }
        }
        if (end > told) {
            listener.accept(text.substring(told, end));
        }
        return Math.max(told, end);
    }

    private static int choose(float[] logits, int[] before, Settings settings, SplittableRandom random) {
        penalize(logits, before, settings.repetitionPenalty);
        if (settings.temperature == 0) {
            return likeliest(logits);
        }
        Candidates candidates = candidates(logits, settings);
        double draw = random.nextDouble();
        for (int i = 0; i < candidates.ids.length; i++) {
            draw -= candidates.probabilities[i];
            if (draw < 0) {
                return candidates.ids[i];
            }
        }
        return candidates.ids[candidates.ids.length - 1];
    }

    static void penalize(float[] logits, int[] before, double penalty) {
        if (penalty != 1) {
            Arrays.stream(before)
                    .distinct()
                    .forEach(id -> logits[id] *= (float) (logits[id] < 0 ? penalty : 1 / penalty));
        }
    }

    private static int likeliest(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    /** Tokens that may come next, the likeliest first, with probabilities that add up to 1. */
    record Candidates(int[] ids, double[] probabilities) {}

    /** What is left of logits after temperature, top-k, top-p and min-p. */
    static Candidates candidates(float[] logits, Settings settings) {
        float highest = logits[likeliest(logits)];
        // Tokens below e^-50 of the likeliest one add nothing to a sum in double, and most tokens are.
        double lowest = highest - 50 * settings.temperature;
        long[] order = IntStream.range(0, logits.length)
                .filter(i -> logits[i] >= lowest)
                .mapToLong(i -> (long) ascending(logits[i]) << 32 | Integer.MAX_VALUE - i)
                .sorted()
                .toArray();
        int n = settings.topK == 0 ? order.length : Math.min(settings.topK, order.length);
        int[] ids = new int[n];
        double[] p = new double[n];
        double sum = 0;
        for (int i = 0; i < n; i++) {
            ids[i] = Integer.MAX_VALUE - (int) order[order.length - 1 - i];
            p[i] = Math.exp((logits[ids[i]] - highest) / settings.temperature);
            sum += p[i];
        }
        double kept = 0;
        int left = 0;
        while (left < n && kept < settings.topP * sum && p[left] >= settings.minP) {
            kept += p[left++];
        }
        double all = kept;
        return new Candidates(
                Arrays.copyOf(ids, left),
                Arrays.stream(p, 0, left).map(x -> x / all).toArray());
    }

    /** A float's bits as an int of the same order. */
    private static int ascending(float x) {
        int bits = Float.floatToIntBits(x);
        return bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
    }
}
