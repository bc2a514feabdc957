package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.util.Map;

/** ByteDance's Seed-OSS: Llama with biases of queries, keys and values. */
final class SeedOss implements Family {
    @Override
    public String name() {
        return "seed_oss";
    }

    @Override
    public String gguf() {
        return "seed_oss";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.dense(name()).biases(json.flag("attention_bias"), json.flag("attention_out_bias"));
    }

    /** In llama.cpp the norm before the MLP has the name that others have for one behind attention. */
    @Override
    public String gguf(Norm norm) {
        return norm == Norm.MLP ? Norm.ATTENTION_OUT.gguf() : norm.gguf();
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        if (config.outputBias()) {
            throw new IllegalArgumentException(
                    "attention_out_bias is true in this model's configuration, and llama.cpp has"
                            + " no such bias for seed_oss: it cannot be written to a GGUF file");
        }
        return Map.of();
    }
}
