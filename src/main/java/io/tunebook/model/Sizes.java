package io.tunebook.model;

import io.tunebook.model.family.ModelConfig;
import java.util.stream.IntStream;

/**
 * What a model takes while it computes that follows from its configuration alone, so that it is known before the model
 * is loaded.
 */
public final class Sizes {
    /** Logits are made for so many elements at once: 128 MB in float32. */
    private static final int LOGITS = 1 << 25;
    /** 256 MB in bfloat16; on a GPU rows come in multiples of the tiles that its products are computed in. */
    private static final int GPU_LOGITS = 1 << 27;

    private static final int GPU_ROWS = 256;

    private Sizes() {}

    /**
     * The bytes that weights take for as long as they are used, where they stay in blocks: the output matrix, and a
     * layer's, or gate and up of all experts where they are larger.
     */
    public static long expandedBytes(ModelConfig config, Precision precision) {
        long layer = IntStream.range(0, config.layers())
                .mapToLong(l -> config.targets(l).stream()
                        .filter(t -> !t.ofExperts())
                        .mapToLong(t -> (long) t.in(config) * t.out(config))
                        .sum())
                .max()
                .orElse(0);
        long experts = config.experts().map(e -> 2L * e.count() * e.width()).orElse(0L) * config.hiddenSize();
        return precision.bytes() * ((long) config.vocabularySize() * config.hiddenSize() + Math.max(layer, experts));
    }

    /** For how many positions at a time logits are made. */
    public static int lossTokens(ModelConfig config, boolean gpu) {
        return gpu
                ? Math.max(1, GPU_LOGITS / config.vocabularySize() / GPU_ROWS) * GPU_ROWS
                : Math.max(16, LOGITS / config.vocabularySize());
    }
}
