package io.tunebook.model;

import ai.djl.Device;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Target;

/** How matrices lie in memory; vectors always have the type that the model computes in. */
public enum Storage {
    /**
     * {@link #NARROW} where the precision is left to the device, that is float32, and the file has a narrower type;
     * else {@link #COMPUTED}.
     */
    FASTEST,
    /** In the type that the model computes in. */
    COMPUTED,
    /**
     * Cast layer by layer when they are used: bfloat16 where the file has it (mapped, not copied) or has blocks,
     * float32 where the file has floats that bfloat16 cannot hold.
     */
    NARROW,
    /**
     * In GGUF's blocks (Q2_K to Q6_K, Q4_0 to Q5_1, Q8_0, IQ4_NL, IQ4_XS, MXFP4) at their size on disk, expanded layer
     * by layer when they are used; other types are expanded once.
     */
    BLOCKS,
    /**
     * Each product's weights of the layers in e4m3 (FP8) with a scale a row, and once more transposed, together as
     * large as in bfloat16; embedding and output stay in the type that the model computes in. A product is computed in
     * eight bits as well: its input is rounded row by row. That is about twice as fast on cards that have such products
     * (compute capability 8.9 or newer), with an error of some 3.5 percent a product.
     */
    FP8;

    /** @throws IllegalArgumentException if a model cannot be kept so on a device */
    static void requireEightBits(ModelConfig config, Device device, Precision precision) {
        if (config.experts().isPresent()) {
            throw new IllegalArgumentException("FP8: the products of " + config.architecture()
                    + "'s experts are not computed in eight bits; load without fp8()");
        }
        if (device.isGpu()) {
            CudaDevice.of(device).requireEightBits();
            if (precision != Precision.BFLOAT16) {
                throw new IllegalArgumentException("FP8: expected bfloat16 to compute in on a GPU, found " + precision);
            }
        }
        for (Target t : config.targets()) {
            if (t.in(config) % 16 != 0 || t.out(config) % 16 != 0) {
                throw new IllegalArgumentException("FP8: expected widths that are multiples of 16, found " + t.module(0)
                        + " from " + t.in(config) + " to " + t.out(config) + "; load without fp8()");
            }
        }
    }
}
