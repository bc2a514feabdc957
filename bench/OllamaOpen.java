import io.tunebook.model.CausalLM;
import io.tunebook.ollama.ModelStore;
import java.nio.file.Path;

/** {@code java -cp CLASS_PATH OllamaOpen.java STORE NAME PROMPT}: a stored model, from its name to the first token of its answer. */
final class OllamaOpen {
    public static void main(String[] args) throws Exception {
        ModelStore store = ModelStore.open(Path.of(args[0]));
        try (CausalLM model = CausalLM.load(store.model(args[1]))) {
            int[] prompt = model.tokenizer().ids(args[2], true);
            System.out.println(model.generator().maxTokens(1).tokens(prompt)[0]);
        }
    }
}
