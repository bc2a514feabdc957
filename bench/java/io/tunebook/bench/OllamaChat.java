package io.tunebook.bench;

import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.ChatRequest;
import io.tunebook.ollama.ChatResponse;
import io.tunebook.ollama.ChatStream;
import io.tunebook.ollama.Ollama;

/**
 * {@code java -cp CLASS_PATH io.tunebook.bench.OllamaChat URL TOKENS ROUNDS}: streams answers, prints the seconds that
 * each took.
 */
final class OllamaChat {
    public static void main(String[] args) throws Exception {
        Ollama ollama = Ollama.connect(args[0]);
        for (int round = 0; round < Integer.parseInt(args[2]); round++) {
            long start = System.nanoTime();
            int characters = 0;
            int pieces = 0;
            try (ChatStream stream = ollama.stream(ChatRequest.of("m", ChatMessage.user("go")))) {
                for (ChatResponse piece : stream) {
                    characters += piece.text().length();
                    pieces++;
                }
            }
            if (pieces != Integer.parseInt(args[1]) + 1 || characters == 0) {
                throw new IllegalStateException("expected " + args[1] + " tokens, found " + pieces);
            }
            System.out.println((System.nanoTime() - start) / 1e9);
        }
    }
}
