/**
 * What a cell shows: values as MIME bundles, displays that can be updated, progress bars. Knows nothing of the rest of
 * the kernel; it is the part that the library knows.
 *
 * <p>In order: {@code Display} is what cells call; {@code RendererRegistry} finds the {@code Renderer} of a value,
 * among {@code StandardRenderers} and {@code LibraryRenderers}; it gives a {@code MimeBundle}, which goes to a
 * {@code DisplaySink}; {@code Progress} is a bar. {@code Comms} and {@code CommTable} join a cell to code in the
 * frontend.
 */
package io.tunebook.kernel.display;
