package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.model.ModelSource;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.ChatRequest;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.server.EmbeddedOllama;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a notebook's model is served: by the Ollama that answers, else in the notebook's own JVM. */
final class ModelServerTest {
    @TempDir
    Path folder;

    private static String ask(ModelServer server) throws Exception {
        return server.ollama()
                .chat(ChatRequest.of(server.model(), ChatMessage.user("Hello?"))
                        .option("temperature", 0)
                        .option("num_predict", 4))
                .text();
    }

    @Test
    void anOllamaThatAnswersGetsTheModelOnceAndIsLeftRunning() throws Exception {
        String named = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(named != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no model");
        Path gguf = Files.copy(Path.of(named), folder.resolve("My Model.gguf"));
        try (EmbeddedOllama other = EmbeddedOllama.start(gguf, "other")) {
            Ollama theirs = Ollama.connect(other.url());
            String first;
            try (ModelServer server = ModelServer.of(new ModelSource(gguf.toString(), gguf), theirs)) {
                assertThat(server.ollama().url()).isEqualTo(other.url());
                assertThat(server.model()).isEqualTo("my-model");
                assertThat(server.toString()).contains("was sent it");
                first = ask(server);
                assertThat(first).isNotBlank();
            }
            assertThat(theirs.running())
                    .as("closing ends no server of somebody else's")
                    .isTrue();
            try (ModelServer again = ModelServer.of(new ModelSource(gguf.toString(), gguf), theirs)) {
                assertThat(again.toString()).endsWith("has my-model");
                assertThat(ask(again)).isEqualTo(first);
            }
            try (ModelServer byName = ModelServer.of(new ModelSource("other", gguf), theirs)) {
                assertThat(byName.model()).isEqualTo("other");
            }
            assertThat(theirs.list()).hasSize(2);
        }
    }

    @Test
    void whereNoneAnswersAFolderOfSafetensorsIsServedHere() throws Exception {
        Ollama nobody = Ollama.connect("http://127.0.0.1:1");
        String url;
        try (ModelServer server = ModelServer.of(new ModelSource("hub", MergedGgufTest.golden("llama/hub")), nobody)) {
            url = server.ollama().url();
            assertThat(url).startsWith("http://127.0.0.1:");
            assertThat(server.toString())
                    .contains("No Ollama answers at http://127.0.0.1:1")
                    .contains(url);
            assertThat(server.model()).startsWith("hub");
            assertThat(server.ollama().show(server.model()).modelInfo()).containsEntry("general.architecture", "llama");
            assertThat(server.ollama().list()).hasSize(1);
        }
        assertThat(Ollama.connect(url).running()).isFalse();
    }

    /** A bare GGUF of SmolLM2 would get the template chatml, which has no system prompt; the model's own has one. */
    @Test
    void whatIsServedHereHasTheSystemPromptOfItsTemplate() throws Exception {
        String named = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(named != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no model");
        Ollama nobody = Ollama.connect("http://127.0.0.1:1");
        try (ModelServer server = ModelServer.of(ModelSource.of(Path.of(named)), nobody)) {
            assertThat(server.ollama().show(server.model()).modelfile())
                    .contains("You are a helpful AI assistant named SmolLM");
        }
    }
}
