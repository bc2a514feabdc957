/**
 * Files of tensors: GGUF with its block types, their dequantisation and quantisation and a writer, and safetensors.
 * Bytes become tensors and tensors become bytes. Knows nothing of models.
 *
 * <p>In order: {@code GgufFile} has {@code GgufPart}s with {@code GgufTensor}s of a {@code GgufType};
 * {@code Dequantizer} makes floats of blocks, {@code Quantizer} and {@code SuperBlocks} blocks of floats;
 * {@code GgufWriter} writes. {@code Safetensors} and {@code SafetensorsWriter} are the other format, with
 * {@code PackedMatrix} for weights that are quantised in it.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF's specification</a>
 * @see <a href="https://huggingface.co/docs/safetensors/index">safetensors</a>
 */
package io.tunebook.tensors;
