package io.tunebook.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

/**
 * What {@code bench/reference/training.py} left: tiny models, documents to train on, and the figures of Transformers
 * and PEFT.
 */
public final class Reference {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Reference() {}

    public static Path path(String name) {
        try {
            return Path.of(Reference.class
                    .getResource("/io/tunebook/reference/" + name)
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    public static JsonNode json(String name) throws IOException {
        return JSON.readTree(Files.readAllBytes(path(name)));
    }

    public static CausalLM model(String architecture) throws IOException {
        return CausalLM.load(path(architecture), LoadOptions.in(Precision.FLOAT32));
    }

    public static float[] floats(String file, String tensor) throws IOException {
        try (Safetensors f = Safetensors.open(path(file))) {
            return f.read(f.tensors().get(tensor));
        }
    }

    /** The tokens that all logits are of. */
    public static int[] ids() throws IOException {
        float[] ids = floats("llama/logits.safetensors", "ids");
        int[] whole = new int[ids.length];
        Arrays.setAll(whole, i -> (int) ids[i]);
        return whole;
    }

    /** All micro-batches of four documents, one document a row. */
    public static List<TokenBatch> padded() throws IOException {
        List<TokenBatch> batches = new ArrayList<>();
        for (JsonNode batch : json("documents.json")) {
            int width = 0;
            for (JsonNode document : batch) {
                width = Math.max(width, document.get(0).size());
            }
            TokenBatch b = empty(batch.size(), width);
            for (int row = 0; row < batch.size(); row++) {
                put(batch.get(row), b, row * width, 0);
            }
            batches.add(b);
        }
        return batches;
    }

    /** The same documents, two in a row. */
    public static List<TokenBatch> packed() throws IOException {
        List<TokenBatch> batches = new ArrayList<>();
        for (JsonNode batch : json("documents.json")) {
            int width = 32;
            TokenBatch b = empty(batch.size() / 2, width);
            for (int row = 0; row < batch.size() / 2; row++) {
                put(batch.get(2 * row), b, row * width, 0);
                put(
                        batch.get(2 * row + 1),
                        b,
                        row * width + batch.get(2 * row).get(0).size(),
                        1);
            }
            batches.add(b);
        }
        return batches;
    }

    private static TokenBatch empty(int rows, int length) {
        int n = rows * length;
        TokenBatch b = new TokenBatch(rows, length, new int[n], new int[n], new int[n], new int[n]);
        Arrays.fill(b.labels(), TokenBatch.IGNORED);
        Arrays.fill(b.documents(), TokenBatch.PADDING);
        return b;
    }

    private static void put(JsonNode document, TokenBatch b, int at, int number) {
        for (int t = 0; t < document.get(0).size(); t++) {
            int id = document.get(0).get(t).asInt();
            b.ids()[at + t] = id;
            b.labels()[at + t] = t < document.get(1).asInt() ? TokenBatch.IGNORED : id;
            b.positions()[at + t] = t;
            b.documents()[at + t] = number;
        }
    }

    /** Every pass gives these batches in this order. */
    public static IntFunction<List<TokenBatch>> epochs(List<TokenBatch> batches) {
        return epoch -> batches;
    }
}
