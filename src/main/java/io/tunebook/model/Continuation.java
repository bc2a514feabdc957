package io.tunebook.model;

/** A text that is being continued. Closing it frees what it keeps of the text. */
interface Continuation extends AutoCloseable {
    /** The logits behind these tokens, which follow those that came before. */
    float[] next(int... ids);

    @Override
    void close();
}
