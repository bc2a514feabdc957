package io.tunebook.model;

import ai.djl.Device;
import io.tunebook.tensors.GgufType;
import java.util.Optional;

/**
 * How a model is loaded. By default it comes to the GPU if there is one, in bfloat16, and else computes in the type
 * that the CPU multiplies faster. Where that is float32, matrices that the file has in bfloat16 stay there, mapped, and
 * those that it has in blocks are expanded to bfloat16; they are cast layer by layer when they are used, and a token is
 * generated from them as they are, which is twice as fast as from float32.
 *
 * @param precision the type to compute in; empty for the device's faster one
 * @param storage how matrices lie in memory
 * @param device empty for the first GPU, or the CPU where there is none
 */
public record LoadOptions(Optional<Precision> precision, Storage storage, Optional<Device> device) {
    public static LoadOptions defaults() {
        return new LoadOptions(Optional.empty(), Storage.FASTEST, Optional.empty());
    }

    /** All of the model in one type. */
    public static LoadOptions in(Precision precision) {
        return new LoadOptions(Optional.of(precision), Storage.COMPUTED, Optional.empty());
    }

    /** For QLoRA: matrices stay in GGUF's blocks. */
    public LoadOptions quantized() {
        return storage(Storage.BLOCKS);
    }

    /**
     * Products of the layers are computed in eight bits, for faster training on a GPU of compute capability 8.9 or
     * newer; see {@link Storage#FP8}. Elsewhere it is computed with the same rounding, but slowly.
     */
    public LoadOptions fp8() {
        return storage(Storage.FP8);
    }

    /** How matrices lie where the model computes in this type. */
    Storage storage(Precision chosen, Weights from) {
        if (storage != Storage.FASTEST) {
            return storage;
        }
        GgufType type = from.tensor("model.embed_tokens.weight").type();
        boolean narrow =
                precision.isEmpty() && chosen == Precision.FLOAT32 && type != GgufType.F32 && type != GgufType.F16;
        return narrow ? Storage.NARROW : Storage.COMPUTED;
    }

    public LoadOptions storage(Storage other) {
        return new LoadOptions(precision, other, device);
    }

    public LoadOptions device(Device other) {
        return new LoadOptions(precision, storage, Optional.of(other));
    }
}
