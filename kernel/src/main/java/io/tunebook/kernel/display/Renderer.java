package io.tunebook.kernel.display;

/**
 * Turns values of one type into what a notebook shows. Found by {@link java.util.ServiceLoader}, also on class paths
 * that a cell adds; the renderer of the most specific type wins.
 *
 * @param <T> the type it knows
 */
public interface Renderer<T> {
    /** The type it knows, an interface too. */
    Class<T> type();

    /** The value's representations; {@code text/plain} is added from {@code toString()} where it is missing. */
    MimeBundle render(T value);
}
