/**
 * Prompt templates in Go's syntax as Ollama uses them: read, and rendered as its server renders them.
 *
 * @see <a href="https://pkg.go.dev/text/template">Go: text/template</a>
 * @see <a href="https://docs.ollama.com/template">Ollama: templates</a>
 */
package io.tunebook.ollama.template;
