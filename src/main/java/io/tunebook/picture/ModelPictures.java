package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.model.family.ModelConfig;
import java.util.List;
import java.util.Map;

/** Pictures of what a model computes. */
public final class ModelPictures {
    private ModelPictures() {}

    /** The whole model: tokens, embedding, layers, output, probabilities; with the shapes for so many tokens. */
    public static MimeBundle model(ModelConfig config, int tokens) {
        return LayerPicture.model(config, tokens, Words.COURSE);
    }

    /** One layer with its seven matrices, their names and shapes. */
    public static MimeBundle layer(ModelConfig config) {
        return LayerPicture.layer(config, Words.COURSE);
    }

    /**
     * What a head looks at.
     *
     * @param pieces the text's tokens as one reads them
     * @param weights [tokens][tokens], each row adding up to 1
     */
    public static MimeBundle attention(List<String> pieces, float[][] weights) {
        return AttentionPicture.draw(pieces, weights, Words.COURSE);
    }

    /**
     * What may come next, a bar for each token.
     *
     * @param text what came before
     * @param shares tokens with their probabilities, from 0 to 1, the likeliest first
     */
    public static MimeBundle nextTokens(String text, Map<String, Double> shares) {
        return NextTokensPicture.draw(text, shares, Words.COURSE);
    }
}
