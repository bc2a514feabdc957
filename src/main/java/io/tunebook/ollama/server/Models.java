package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.ollama.store.ModelName;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The models that are served, by name, and which of them are in memory. */
final class Models {
    private final Map<String, ServedModel> models = new ConcurrentHashMap<>();

    /** What models are found by: Ollama does not tell upper case from lower. */
    static String key(String name) {
        return ModelName.of(name).toString().toLowerCase(Locale.ROOT);
    }

    /**
     * The name in a request: of {@code model} and the older {@code name} the first that is not empty, as clients send
     * both.
     */
    static String name(JsonNode body) {
        String name = body.path("model").asText("");
        return name.isEmpty() ? body.path("name").asText("") : name;
    }

    /** The same, which must be there. */
    static String requireName(JsonNode body) {
        String name = name(body);
        if (name.isEmpty()) {
            throw new LocalHttp.Refusal(400, "model is required");
        }
        return name;
    }

    /** The name, if it is one. */
    static String valid(String name) {
        try {
            ModelName.of(name);
            return name;
        } catch (IllegalArgumentException none) {
            throw new LocalHttp.Refusal(400, "invalid model name");
        }
    }

    void put(String name, ServedModel model) {
        models.put(key(name), model);
    }

    /** The model, or null where there is none. */
    ServedModel find(String name) {
        return models.get(key(name));
    }

    /**
     * The model.
     *
     * @throws LocalHttp.Refusal if there is none
     */
    ServedModel get(String name) {
        ServedModel model = null;
        try {
            model = find(name);
        } catch (IllegalArgumentException noName) {
            if (!name.isEmpty()) {
                throw new LocalHttp.Refusal(400, "invalid model name");
            }
        }
        if (model == null) {
            throw new LocalHttp.Refusal(404, "model '" + name + "' not found");
        }
        return model;
    }

    void remove(String name) {
        models.remove(key(name));
    }

    /** Whether a model needs this file. */
    boolean uses(Path file) {
        return models.values().stream()
                .anyMatch(m -> m.gguf().equals(file) || m.adapters().contains(file));
    }

    /** All of them by name. */
    Map<String, ServedModel> all() {
        return new TreeMap<>(models);
    }

    /**
     * The models in memory: each is loaded by the first who needs it and unloaded when nobody has for as long as was
     * asked.
     */
    static final class LoadedModels implements AutoCloseable {
        /**
         * llama.cpp runs a model either for text or for vectors: behind the name, what tells the second from the first.
         */
        private static final String EMBEDDING = " embedding";

        private static final Duration KEEP_ALIVE = Duration.ofMinutes(5);
        private static final Pattern TIME = Pattern.compile("(-?\\d+(?:\\.\\d+)?)(ms|s|m|h)");

        private final ScheduledExecutorService clock =
                Executors.newSingleThreadScheduledExecutor(EmbeddedOllama::daemon);
        private final Map<String, Loaded> loaded = new LinkedHashMap<>();
        private boolean closed;

        /** A model in memory; guarded by its {@link LoadedModels}. */
        static final class Loaded {
            final String slot;
            final ServedModel model;
            final Runner runner;
            Instant expires = Instant.MAX;
            /** How long it stays when nobody uses it: what was last asked for. */
            Duration stay = KEEP_ALIVE;

            int users;
            ScheduledFuture<?> unload;

            Loaded(String slot, ServedModel model, Runner runner) {
                this.slot = slot;
                this.model = model;
                this.runner = runner;
            }
        }

        /** The model in memory, loaded if it is not; it stays until {@link #release} sets its time. */
        Loaded load(String name, ServedModel model, int context, boolean embedding) throws InterruptedException {
            Loaded there = find(embedding ? name + EMBEDDING : name, model, context, embedding);
            try {
                // Outside the lock: a file that llama.cpp does not get done with holds up nobody else.
                there.runner.ready(Runner.LOADING);
                return there;
            } catch (InterruptedException | RuntimeException failed) {
                release(there, Optional.of(Duration.ZERO));
                throw failed;
            }
        }

        private Loaded find(String slot, ServedModel model, int context, boolean embedding) {
            synchronized (loaded) {
                if (closed) {
                    throw new IllegalStateException("server is shutting down");
                }
                Loaded there = loaded.get(slot);
                // Another context is another load, but not while somebody uses the model; a process that has died is of
                // no use to anybody.
                if (there != null
                        && (!there.runner.alive()
                                || there.users == 0 && (there.model != model || there.runner.context() != context))) {
                    drop(slot);
                    there = null;
                }
                if (there == null) {
                    there = new Loaded(slot, model, new Runner(model.gguf(), model.adapters(), context, embedding));
                    loaded.put(slot, there);
                }
                if (there.unload != null) {
                    there.unload.cancel(false);
                }
                there.expires = Instant.MAX;
                there.users++;
                return there;
            }
        }

        /**
         * The last who uses a model says how long it stays, or leaves that as it was; one that was unloaded meanwhile
         * goes at once.
         */
        void release(Loaded model, Optional<Duration> asked) {
            synchronized (loaded) {
                model.stay = asked.orElse(model.stay);
                Duration time = model.stay;
                if (--model.users > 0) {
                    return;
                }
                if (loaded.get(model.slot) != model) {
                    model.runner.close();
                } else if (time.isZero()) {
                    drop(model.slot);
                } else if (!time.isNegative()) {
                    model.expires = Instant.now().plus(time);
                    model.unload = clock.schedule(() -> expire(model), time.toMillis(), TimeUnit.MILLISECONDS);
                }
            }
        }

        private void expire(Loaded model) {
            synchronized (loaded) {
                if (loaded.get(model.slot) == model && model.users == 0) {
                    drop(model.slot);
                }
            }
        }

        /** New requests load the model anew; those that are in it or wait for it are still served. */
        void unload(String name) {
            drop(name);
            drop(name + EMBEDDING);
        }

        private void drop(String slot) {
            synchronized (loaded) {
                Loaded there = loaded.remove(slot);
                if (there != null && there.users == 0) {
                    there.runner.close();
                }
            }
        }

        /** Shows each model under its name, once. */
        void forEach(BiConsumer<String, Loaded> each) {
            synchronized (loaded) {
                loaded.forEach((slot, model) -> {
                    String name = slot.replace(EMBEDDING, "");
                    if (slot.equals(name) || !loaded.containsKey(name)) {
                        each.accept(name, model);
                    }
                });
            }
        }

        /** Seconds, or Go's notation such as {@code 1h30m}; negative for ever. Nothing where nothing is asked for. */
        static Optional<Duration> keepAlive(JsonNode value) {
            if (value.isNumber()) {
                return Optional.of(Duration.ofMillis(Math.round(value.asDouble() * 1000)));
            }
            if (!value.isTextual()) {
                return Optional.empty();
            }
            Matcher m = TIME.matcher(value.asText());
            Duration sum = Duration.ZERO;
            int end = 0;
            while (m.find() && m.start() == end) {
                double unit =
                        switch (m.group(2)) {
                            case "ms" -> 1;
                            case "s" -> 1000;
                            case "m" -> 60_000;
                            default -> 3_600_000;
                        };
                sum = sum.plusMillis(Math.round(Double.parseDouble(m.group(1)) * unit));
                end = m.end();
            }
            if (end == 0 || end != value.asText().length()) {
                throw new LocalHttp.Refusal(400, "time: invalid duration \"" + value.asText() + "\"");
            }
            return Optional.of(sum);
        }

        /** Unloads all of them. */
        @Override
        public void close() {
            clock.shutdownNow();
            List<Loaded> all;
            synchronized (loaded) {
                closed = true;
                all = new ArrayList<>(loaded.values());
                loaded.clear();
            }
            all.forEach(l -> l.runner.close());
        }
    }
}
