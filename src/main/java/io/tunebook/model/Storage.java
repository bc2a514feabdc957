package io.tunebook.model;

/** How matrices lie in memory; vectors always have the type that the model computes in. */
public enum Storage {
    /** {@link #NARROW} where the precision is left to the device, that is float32, and the file has a narrower type; else {@link #COMPUTED}. */
    FASTEST,
    /** In the type that the model computes in. */
    COMPUTED,
    /**
     * Cast layer by layer when they are used: bfloat16 where the file has it (mapped, not copied) or has blocks, float32 where the file has floats that bfloat16
     * cannot hold.
     */
    NARROW,
    /** In GGUF's blocks (Q4_0, Q4_1, Q8_0, Q4_K, Q6_K) at their size on disk, expanded layer by layer when they are used; other types are expanded once. */
    BLOCKS,
    /**
     * Each product's weights of the layers in e4m3 (FP8) with a scale a row, and once more transposed, together as large as in bfloat16; embedding and output stay in
     * the type that the model computes in. A product is computed in eight bits as well: its input is rounded row by row. That is about twice as fast on cards that have
     * such products (compute capability 8.9 or newer), with an error of some 3.5 percent a product.
     */
    FP8
}
