/**
 * A small server in this JVM that answers as Ollama does, with llama.cpp in a child process. It serves the notebooks where
 * no Ollama runs, and tests.
 */
package io.tunebook.ollama.server;
