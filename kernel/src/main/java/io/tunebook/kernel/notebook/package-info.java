/**
 * Notebook files, and running them without a frontend. Knows nothing of Jupyter's messages.
 *
 * <p>In order: {@code RunOptions} are what is asked; {@code NotebookRunner} starts a {@code Launch} for each notebook;
 * {@code NotebookExecution} runs a {@code Notebook} in it, with {@code ParameterCell}, {@code CellMarkers},
 * {@code CellOutputs} and {@code OutputCheck}; {@code NotebookReport} is what became of it, which {@code GitHubLog},
 * {@code JUnitXml} and {@code HtmlPage} tell.
 */
package io.tunebook.kernel.notebook;
