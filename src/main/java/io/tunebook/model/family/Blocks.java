package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.model.family.ModelConfig.Scales;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What distinguishes a family's layers from Llama's.
 *
 * @param gelu whether the MLP's gate is GELU's, in its tanh form, not SiLU's
 * @param attentionScale what scores are multiplied with; 0 for {@code 1 / sqrt(headDim)}
 * @param scales other factors
 * @param localTheta the base of a second rotary embedding, without scaling; 0 for none
 * @param kinds the layers one by one; none where all are alike
 * @param rotaryWidth how many dimensions of a head are rotated, from the first on; 0 for all
 * @param prefix what stands before {@code layers} in the modules' names: {@link ModelConfig#TEXT}, or
 *     {@link ModelConfig#TEXT_PART}
 * @param experts what stands in the place of the MLP, if something does
 * @param delta what stands in the place of attention in the layers whose kind says so
 */
public record Blocks(
        boolean gelu,
        double attentionScale,
        Scales scales,
        double localTheta,
        List<LayerKind> kinds,
        int rotaryWidth,
        String prefix,
        Optional<Experts> experts,
        Optional<DeltaNet> delta) {
    /** As Llama's. */
    public static final Blocks PLAIN = new Blocks(
            false, 0, new Scales(1, 1, 1), 0, List.of(), 0, ModelConfig.TEXT, Optional.empty(), Optional.empty());

    /** The same but for what is changed. */
    Blocks with(Consumer<Draft> change) {
        Draft d = new Draft(this);
        change.accept(d);
        return new Blocks(
                d.gelu,
                d.attentionScale,
                d.scales,
                d.localTheta,
                List.copyOf(d.kinds),
                d.rotaryWidth,
                d.prefix,
                d.experts,
                d.delta);
    }

    /** The same values, to be changed. */
    static final class Draft {
        boolean gelu;
        double attentionScale;
        Scales scales;
        double localTheta;
        List<LayerKind> kinds;
        int rotaryWidth;
        String prefix;
        Optional<Experts> experts;
        Optional<DeltaNet> delta;

        private Draft(Blocks b) {
            gelu = b.gelu;
            attentionScale = b.attentionScale;
            scales = b.scales;
            localTheta = b.localTheta;
            kinds = b.kinds;
            rotaryWidth = b.rotaryWidth;
            prefix = b.prefix;
            experts = b.experts;
            delta = b.delta;
        }
    }
}
