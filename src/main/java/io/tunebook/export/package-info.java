/**
 * The way back: a trained adapter as merged GGUF, as a folder of safetensors, as a Modelfile, and as a model in
 * Ollama. Knows nothing of training.
 *
 * <p>In order: {@code OllamaExport} does all; {@code MergedGguf} writes the weights with a {@code GgufHeader} and a
 * {@code Quantization}, {@code Rounding} says what that lost; {@code SafetensorsFolder} is the
 * other form; {@code OllamaTemplate} turns the chat template into Go's syntax by {@code TemplateDerivation}, held
 * against {@code ChatRendering}; {@code Modelfile} is the text for Ollama; {@code ModelServer} is an Ollama that has
 * the model.
 */
package io.tunebook.export;
