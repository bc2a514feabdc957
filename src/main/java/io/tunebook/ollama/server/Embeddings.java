package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.ollama.server.Models.LoadedModels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/** Turns texts into vectors. */
final class Embeddings {
    private static final ObjectMapper JSON = Json.wire();

    private final Function<String, ServedModel> models;
    private final LoadedModels loaded;

    /** With models by name, which throws the refusal for one that is not there. */
    Embeddings(Function<String, ServedModel> models, LoadedModels loaded) {
        this.models = models;
        this.loaded = loaded;
    }

    /** {@code /api/embed}: vectors of length 1. */
    ObjectNode embed(JsonNode body) throws InterruptedException {
        long start = System.nanoTime();
        String name = body.path("model").asText();
        ServedModel model = model(name);
        List<String> texts = new ArrayList<>();
        JsonNode input = body.path("input");
        for (JsonNode text : input.isArray() ? input : input.isMissingNode() ? List.<JsonNode>of() : List.of(input)) {
            if (!text.isTextual()) {
                throw new LocalHttp.Refusal(400, "invalid input type");
            }
            if (input.isArray() || !text.asText().isEmpty()) {
                texts.add(text.asText());
            }
        }
        ObjectNode out = JSON.createObjectNode().put("model", name);
        ArrayNode vectors = out.putArray("embeddings");
        LoadedModels.Loaded there = load(name, model, body);
        try {
            if (texts.isEmpty()) {
                return out;
            }
            long load = System.nanoTime() - start;
            int count = 0;
            for (String text : texts) {
                int[] tokens = there.runner.tokens(text);
                String fits = text;
                // One place is left for the end that some models add.
                if (tokens.length >= there.runner.context()) {
                    if (!body.path("truncate").asBoolean(true)) {
                        throw new LocalHttp.Refusal(400, "the input length exceeds the context length");
                    }
                    tokens = Arrays.copyOf(tokens, there.runner.context() - 1);
                    fits = there.runner.text(tokens);
                }
                if (tokens.length == 0) {
                    throw new LocalHttp.Refusal(
                            400, "input " + vectors.size() + " is empty: there is nothing to embed");
                }
                count += tokens.length;
                float[] vector = there.runner.embed(fits);
                int dimensions = body.path("dimensions").asInt(0);
                if (dimensions > 0 && dimensions < vector.length) {
                    vector = Arrays.copyOf(vector, dimensions);
                }
                vectors.add(JSON.valueToTree(normalized(vector)));
            }
            return out.put("total_duration", System.nanoTime() - start)
                    .put("load_duration", load)
                    .put("prompt_eval_count", count);
        } finally {
            loaded.release(there, LoadedModels.keepAlive(body.path("keep_alive")));
        }
    }

    /** {@code /api/embeddings}, the older call: one text, its vector not normalised. */
    ObjectNode embedding(JsonNode body) throws InterruptedException {
        String name = body.path("model").asText();
        if (name.isEmpty()) {
            throw new LocalHttp.Refusal(400, "model is required");
        }
        LoadedModels.Loaded there = load(name, model(name), body);
        try {
            String text = body.path("prompt").asText();
            ObjectNode out = JSON.createObjectNode();
            out.set("embedding", text.isEmpty() ? out.arrayNode() : JSON.valueToTree(there.runner.embed(text)));
            return out;
        } finally {
            loaded.release(there, LoadedModels.keepAlive(body.path("keep_alive")));
        }
    }

    private ServedModel model(String name) {
        try {
            return models.apply(name);
        } catch (LocalHttp.Refusal absent) {
            throw absent.status == 404 && !name.isEmpty()
                    ? new LocalHttp.Refusal(404, "model \"" + name + "\" not found, try pulling it first")
                    : absent;
        }
    }

    private LoadedModels.Loaded load(String name, ServedModel model, JsonNode body) throws InterruptedException {
        int context = Completions.context(model, Completions.options(model, body));
        return loaded.load(EmbeddedOllama.key(name), model, context, true);
    }

    private static float[] normalized(float[] vector) {
        double squares = 0;
        for (float v : vector) {
            squares += (double) v * v;
        }
        double length = Math.max(Math.sqrt(squares), 1e-12);
        for (int i = 0; i < vector.length; i++) {
            vector[i] /= (float) length;
        }
        return vector;
    }
}
