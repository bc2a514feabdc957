/**
 * llama.cpp by its C interface {@code llama.h}: a model, its context and its samplers. The library comes as files in a
 * folder, and {@link io.tunebook.ollama.llamacpp.LlamaCpp#in} says whether it can be used. {@code LlamaLogits} has a
 * model in a process of its own, {@code LogitsProcess}. Nothing here knows of Ollama.
 */
package io.tunebook.ollama.llamacpp;
