/**
 * Controls that a notebook shows and that tell a cell what a person does with them: sliders, texts, buttons. The
 * frontend needs {@code jupyterlab_widgets}. Knows nothing of cells.
 *
 * <p>In order: {@code Widgets} makes a {@code Widget} of one of its kinds; {@code Model} is its state, which the
 * frontend has a copy of; {@code WidgetRenderer} shows it.
 *
 * @see <a href="https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md">Jupyter widgets,
 *     messages</a>
 */
package io.tunebook.kernel.widgets;
