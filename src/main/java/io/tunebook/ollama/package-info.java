/**
 * A client of Ollama's HTTP interface. It stands alone: it knows nothing of tokenizers or models.
 *
 * <p>In order: {@code Ollama} is the client; {@code ChatRequest} and {@code GenerateRequest} with {@code Tool} and
 * {@code JsonSchema} are what is asked; {@code OllamaHttp} sends it and {@code JsonLines} come back; {@code ChatStream}
 * and {@code ChatResponse} are the answer, which {@code AnswerDisplay} shows; {@code ModelAnswers} reads what is told
 * about models.
 *
 * @see <a href="https://docs.ollama.com/api">Ollama's interface</a>
 */
package io.tunebook.ollama;
