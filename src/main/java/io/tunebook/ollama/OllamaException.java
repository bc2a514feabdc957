package io.tunebook.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Locale;

/**
 * A call to Ollama failed; the message has the server's words and what to do. The nested types say which kind of
 * failure it is.
 */
public class OllamaException extends IOException {
    private final int status;

    /** For answers that no nested type fits. */
    OllamaException(String message, int status, Throwable cause) {
        super(message, cause);
        this.status = status;
    }

    /** The HTTP status; 200 where the error came in the middle of a stream, 0 where no answer came. */
    public final int status() {
        return status;
    }

    /** Nothing answers at the address. */
    public static final class NotRunning extends OllamaException {
        NotRunning(String url, Throwable cause) {
            super(
                    "no Ollama answers at " + url
                            + ": start it with: ollama serve, name another address by OLLAMA_HOST, or serve a"
                            + " GGUF file from this process with EmbeddedOllama.start(file)",
                    0,
                    cause);
        }
    }

    /** The server does not have the model. */
    public static final class ModelNotFound extends OllamaException {
        ModelNotFound(String words, String model) {
            super(words + ": get it with: ollama pull " + model + " (or ollama.pull(\"" + model + "\"))", 404, null);
        }
    }

    /** The model does not fit into memory. */
    public static final class OutOfMemory extends OllamaException {
        OutOfMemory(String words, int status) {
            super(
                    words
                            + ": take a smaller model or quantisation, lower the option num_ctx, or unload others with keepAlive 0",
                    status,
                    null);
        }
    }

    /** The answer stopped before its end, or nothing came for too long. */
    public static final class BrokenStream extends OllamaException {
        BrokenStream(String what, Throwable cause) {
            super(
                    what
                            + ": the answer so far is incomplete; ask again, and look into the server's log if it happens twice",
                    0,
                    cause);
        }
    }

    /** What came is not Ollama's JSON, such as a proxy's HTML page. */
    public static final class NotOllama extends OllamaException {
        NotOllama(String url, int status, String body, Throwable cause) {
            super(
                    url + " answered with status " + status + " and no JSON of Ollama's, but: "
                            + body.strip()
                                    .lines()
                                    .findFirst()
                                    .map(l -> l.length() > 200 ? l.substring(0, 200) + "…" : l)
                                    .orElse("nothing")
                            + "; is there a proxy between, or another server at this address?",
                    status,
                    cause);
        }
    }

    /** The words of an error, which is a text or an object with a message. */
    static String words(JsonNode error) {
        return error.isTextual() ? error.asText() : error.path("message").asText(error.toString());
    }

    static OllamaException of(int status, String words, String model) {
        String lower = words.toLowerCase(Locale.ROOT);
        if (status == 404 && lower.contains("model")) {
            return new ModelNotFound(words, model);
        }
        if (lower.contains("out of memory")
                || lower.contains("requires more system memory")
                || lower.contains("cudamalloc")) {
            return new OutOfMemory(words, status);
        }
        return new OllamaException(
                switch (status) {
                    case 501 ->
                        lower.contains("embed")
                                ? words
                                        + ": this server makes vectors with models for embeddings alone: take one, such as ollama pull nomic-embed-text, or serve the file with EmbeddedOllama, which makes vectors with every model"
                                : words;
                    case 503 -> words + ": the server is busy, try again in a moment";
                    case 401 -> words + ": sign in with: ollama signin";
                    default -> words;
                },
                status,
                null);
    }
}
