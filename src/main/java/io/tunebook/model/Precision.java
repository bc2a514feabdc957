package io.tunebook.model;

/** The type that a model computes in; sums of losses and the factors of LoRA are float32 in either. */
public enum Precision {
    FLOAT32(6, 4),
    BFLOAT16(15, 2);

    private final int type;
    private final int bytes;

    Precision(int type, int bytes) {
        this.type = type;
        this.bytes = bytes;
    }

    /** PyTorch's number for it. */
    int type() {
        return type;
    }

    /** Bytes an element takes. */
    public int bytes() {
        return bytes;
    }
}
