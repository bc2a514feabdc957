package io.tunebook.bench;

import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.ModelSource;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import java.nio.file.Path;

/**
 * {@code java -cp CLASS_PATH io.tunebook.bench.OllamaOpen STORE NAME PROMPT blocks|floats}: a stored model, from its
 * name to the first token of its answer.
 */
final class OllamaOpen {
    public static void main(String[] args) throws Exception {
        StoredModel stored = ModelStore.open(Path.of(args[0])).model(args[1]);
        LoadOptions options = LoadOptions.defaults();
        try (CausalLM model =
                CausalLM.load(ModelSource.of(stored), args[3].equals("blocks") ? options.quantized() : options)) {
            int[] prompt = model.tokenizer().ids(args[2], true);
            System.out.println(model.generator().maxTokens(1).tokens(prompt)[0]);
        }
    }
}
