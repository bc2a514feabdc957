package io.tunebook.train;

import io.tunebook.dataset.Dataset;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
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
        CRC32 crc = new CRC32();
        for (TokenBatch batch : batches.subList(0, Math.min(SOME, batches.size()))) {
            for (int i = 0; i < batch.ids().length; i++) {
                update(crc, batch.ids()[i]);
                update(crc, batch.labels()[i]);
            }
        }
        return batches.size() + " batches, checksum " + Long.toHexString(crc.getValue());
    }

    private static void update(CRC32 crc, int number) {
        for (int shift = 0; shift < 32; shift += 8) {
            crc.update(number >> shift);
        }
    }
}
