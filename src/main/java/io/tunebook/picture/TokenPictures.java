package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Encoding;
import io.tunebook.tokenizer.Tokenizer;
import java.util.List;

/** Pictures of how text becomes tokens. */
public final class TokenPictures {
    private TokenPictures() {}

    /** How a model lies in Ollama's folder: the manifest names the blob by its SHA-256, and the blob is one GGUF file with everything in it. */
    public static MimeBundle store(ModelStore store, StoredModel model) {
        return StorePicture.draw(store, model, Words.COURSE);
    }

    /** A text as pieces, each with its id under it. */
    public static MimeBundle pieces(Tokenizer tokenizer, String text) {
        return PiecesPicture.draw(tokenizer, text, Words.COURSE);
    }

    /**
     * How a word grew together: a line for each state.
     *
     * @param states the word's pieces, first the letters, then after each merge
     */
    public static MimeBundle merges(List<List<String>> states) {
        return MergesPicture.draw(states, Words.COURSE);
    }

    /** A batch as the rectangle that it is: real tokens coloured, padding pale, the mask's 1 or 0 in the corner of each. */
    public static MimeBundle batch(Encoding.Batch batch) {
        return BatchPicture.draw(batch, Words.COURSE);
    }

    /** A conversation as the chat template writes it, line by line; the assistant's part, which training learns, stands out. */
    public static MimeBundle template(ChatTemplate.Encoded conversation, Tokenizer tokenizer) {
        return TemplatePicture.draw(conversation, tokenizer, Words.COURSE);
    }
}
