/**
 * GGUF, the file format of llama.cpp and Ollama: a strict reader, the block types of its tensors with their
 * dequantisation and quantisation, and a writer. Knows nothing of models.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">The format's specification</a>
 */
package io.tunebook.gguf;
