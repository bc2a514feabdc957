/**
 * Controls that a notebook shows and that tell a cell what a person does with them: sliders, texts, buttons. The frontend needs {@code jupyterlab_widgets}.
 *
 * @see <a href="https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md">Jupyter widgets, messages</a>
 */
package io.tunebook.kernel.widgets;
