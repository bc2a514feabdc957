/**
 * A small server in this JVM that answers as Ollama does, with llama.cpp in a child process. It serves the notebooks
 * where no Ollama runs, and tests. Knows nothing of training and of PyTorch.
 *
 * <p>A request's way, in order: {@code EmbeddedOllama} → {@code LocalHttp} → {@code Routes} ({@code OpenAiRequests} for
 * {@code /v1}) → {@code RequestCheck} → {@code Completions} → {@code Prompts} → {@code Models}, which loads a
 * {@code ServedModel} into a {@code Runner} → {@code RunnerProcess}, the child, with an {@code Engine} →
 * {@code ThinkingSplitter} and {@code ToolCallParser} → {@code Answer} in Ollama's or OpenAI's form.
 * {@code ModelMaker}, {@code ModelList} and {@code BlobFolder} answer what is about models.
 */
package io.tunebook.ollama.server;
