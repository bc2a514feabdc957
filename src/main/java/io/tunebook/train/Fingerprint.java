package io.tunebook.train;

import io.tunebook.dataset.Dataset;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import io.tunebook.model.Weights;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * Everything that decides the losses of a run, in words: a run goes on only from a checkpoint of which all of it is
 * true.
 */
final class Fingerprint {
    /** So many examples or batches are looked at token by token. */
    private static final int SOME = 100;

    /** Of so many tokens the embeddings are looked at. */
    private static final int ROWS = 16;

    private Fingerprint() {}

    static Map<String, String> of(String data, LoraAdapter adapter, TrainingArguments arguments) {
        CausalLM model = adapter.model();
        Map<String, String> all = new LinkedHashMap<>();
        all.put("data", data);
        all.put("model", model.config().toString());
        all.put("precision", model.precision() + " from " + model.weightBytes() + " bytes of weights");
        all.put("lora", adapter.settings().toString());
        all.putAll(arguments.decidingLosses());
        return all;
    }

    static String of(Dataset dataset) {
        CRC32 crc = new CRC32();
        for (int length : dataset.lengths()) {
            update(crc, length);
        }
        for (int i = 0; i < Math.min(SOME, dataset.size()); i++) {
            for (int id : dataset.ids(i)) {
                update(crc, id);
            }
        }
        return dataset.size() + " examples, checksum " + Long.toHexString(crc.getValue());
    }

    static String of(List<TokenBatch> batches) {
        return batches.size() + " batches, checksum "
                + Long.toHexString(checksum(batches.subList(0, Math.min(SOME, batches.size()))));
    }

    /** Of all tokens and labels. */
    static long checksum(List<TokenBatch> batches) {
        CRC32 crc = new CRC32();
        for (TokenBatch batch : batches) {
            for (int i = 0; i < batch.ids().length; i++) {
                update(crc, batch.ids()[i]);
                update(crc, batch.labels()[i]);
            }
        }
        return crc.getValue();
    }

    /**
     * What hosts that train together must have alike besides. Models of the same shape may have other weights, which
     * the last norm and the first tokens' embeddings tell apart. What a model's file is called on each of them makes no
     * difference.
     */
    static Map<String, String> ofHosts(LoraAdapter adapter, List<TokenBatch> heldOut) throws IOException {
        CRC32 crc = new CRC32();
        try (Weights weights = adapter.model().source().weights()) {
            for (String name : List.of("model.norm.weight", "model.embed_tokens.weight")) {
                Weights.Tensor tensor = weights.tensor(name);
                int rows = (int) Math.min(ROWS, tensor.rows());
                float[] values = new float[Math.toIntExact(rows * tensor.columns())];
                weights.readRows(tensor, 0, rows, values, 0);
                for (float value : values) {
                    update(crc, Float.floatToIntBits(value));
                }
            }
        }
        AdapterFile.Settings own = adapter.settings();
        AdapterFile.Settings unnamed = new AdapterFile.Settings(
                own.rank(),
                own.alpha(),
                own.dropout(),
                own.targetModules(),
                own.rslora(),
                own.dora(),
                own.initialization(),
                own.rankPattern(),
                own.alphaPattern(),
                "");
        return Map.of(
                "weights",
                "checksum " + Long.toHexString(crc.getValue()),
                "lora",
                unnamed.toString(),
                "held-out data",
                of(heldOut));
    }

    private static void update(CRC32 crc, int number) {
        for (int shift = 0; shift < 32; shift += 8) {
            crc.update(number >> shift);
        }
    }
}
