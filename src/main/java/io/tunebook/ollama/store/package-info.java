/**
 * The models that Ollama has stored on this machine: manifests and blobs, read and never written. Knows nothing of a
 * running server, of tensors and of templates.
 *
 * <p>In order: {@code ModelName} is a name as Ollama writes it; {@code ModelStore} finds the folder and its manifests;
 * {@code StoredModel} is one of its models. {@code StoreLayout} writes such a folder where there is no Ollama.
 */
package io.tunebook.ollama.store;
