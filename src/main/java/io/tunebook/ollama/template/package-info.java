/**
 * Prompt templates in Go's syntax as Ollama uses them: read, and rendered as its server renders them. Knows nothing of
 * the server.
 *
 * <p>In order: {@code GoTemplate} renders; {@code GoWords} cuts an action into words; {@code GoParser} makes a tree;
 * {@code GoFunctions} and {@code GoValues} are what a template works with. {@code OllamaPrompt} renders a chat,
 * {@code TemplateTags} says how the model marks thoughts and calls, {@code KnownTemplate} has Ollama's own templates.
 *
 * @see <a href="https://pkg.go.dev/text/template">Go: text/template</a>
 * @see <a href="https://docs.ollama.com/template">Ollama: templates</a>
 */
package io.tunebook.ollama.template;
