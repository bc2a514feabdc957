package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;

/** ByteDance's Seed-OSS: Llama with biases of its own for queries, keys, values and the attention's output. */
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
}
