/**
 * Files of tensors: GGUF with its block types, their dequantisation and quantisation and a writer, and safetensors.
 * Bytes become tensors and tensors become bytes. Knows nothing of models.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF's specification</a>
 * @see <a href="https://huggingface.co/docs/safetensors/index">safetensors</a>
 */
package io.tunebook.tensors;
