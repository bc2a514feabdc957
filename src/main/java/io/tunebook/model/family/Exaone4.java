package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * EXAONE 4: norms behind branches and over each head. The larger one has sliding windows in three of four layers, and
 * only these rotate positions ({@code modeling_exaone4.py} of Transformers).
 */
final class Exaone4 implements Family {
    /** What llama.cpp takes for the one with windows, whose number of layers is all it goes by. */
    private static final int LAYERS_OF_THE_LARGER = 64;

    @Override
    public String name() {
        return "exaone4";
    }

    @Override
    public String gguf() {
        return "exaone4";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        ModelConfig c = json.dense(name()).qkNorm(true);
        return hybrid(c, json.kinds(c.layers(), 4));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.dense(name());
        return c.layers() == LAYERS_OF_THE_LARGER ? hybrid(c, pattern(gguf.window(), c.layers())) : c;
    }

    /** Where some layers have a window, those that see all do not rotate positions. */
    private static ModelConfig hybrid(ModelConfig c, List<LayerKind> kinds) {
        boolean windows = kinds.stream().anyMatch(k -> k.window() > 0);
        return !windows
                ? c
                : c.layers(kinds.stream()
                        .map(k -> k.window() > 0 ? k : new LayerKind(LayerKind.NO_ROPE, 0))
                        .toList());
    }

    private static List<LayerKind> pattern(int window, int layers) {
        return LayerKind.every(4, new LayerKind(LayerKind.NO_ROPE, 0), new LayerKind(0, window), layers);
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        if (config.slidingWindow() == 0) {
            return Map.of();
        }
        if (config.layers() != LAYERS_OF_THE_LARGER) {
            throw new IllegalArgumentException("llama.cpp computes windows in an EXAONE 4 of " + LAYERS_OF_THE_LARGER
                    + " layers alone, this one has " + config.layers());
        }
        config.requireKinds(pattern(config.slidingWindow(), config.layers()));
        return Map.of("attention.sliding_window", config.slidingWindow());
    }

    @Override
    public Norm.Placement norms() {
        return Norm.Placement.BEHIND;
    }
}
