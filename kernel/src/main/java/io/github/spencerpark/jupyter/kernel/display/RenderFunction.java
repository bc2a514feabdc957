package io.github.spencerpark.jupyter.kernel.display;

/** Puts the representations of a value into a context. */
@FunctionalInterface
public interface RenderFunction<T> {
    void render(T data, RenderContext context);
}
