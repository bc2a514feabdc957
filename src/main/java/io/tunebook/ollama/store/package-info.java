/** The models that Ollama has stored on this machine: manifests and blobs, read and never written. */
package io.tunebook.ollama.store;
