package io.tunebook.kernel.display;

/**
 * Something shown that can be replaced in place.
 *
 * @param id the display's id in the notebook
 */
public record DisplayHandle(String id) {
    /** Shows this value where the former one was. */
    public void update(Object value) {
        Display.update(id, value);
    }
}
