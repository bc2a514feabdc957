/** The way back: a trained adapter as merged GGUF, as adapter GGUF, as a Modelfile, and as a model in Ollama. */
package io.tunebook.export;
