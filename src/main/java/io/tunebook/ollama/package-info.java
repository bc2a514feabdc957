/**
 * Ollama: a client of its HTTP interface, a reader of the models that it stores, and a small server that speaks as it does.
 *
 * @see <a href="https://docs.ollama.com/api">Ollama's interface</a>
 */
package io.tunebook.ollama;
