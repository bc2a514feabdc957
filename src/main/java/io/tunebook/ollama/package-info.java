/**
 * A client of Ollama's HTTP interface. It stands alone: it knows nothing of tokenizers or models.
 *
 * @see <a href="https://docs.ollama.com/api">Ollama's interface</a>
 */
package io.tunebook.ollama;
