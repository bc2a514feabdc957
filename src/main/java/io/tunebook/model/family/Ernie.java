package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;

/** Baidu's dense ERNIE 4.5: Llama that rotates neighbouring dimensions, in Hugging Face's files too. */
final class Ernie implements Family {
    @Override
    public String name() {
        return "ernie4_5";
    }

    @Override
    public String gguf() {
        return "ernie4_5";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        json.require("use_bias", json.flag("use_bias"), false); // the MLP would have them too
        return json.dense(name()).tiedEmbeddings(json.flag("tie_word_embeddings", true));
    }

    @Override
    public boolean rotatesNeighbours() {
        return true;
    }
}
