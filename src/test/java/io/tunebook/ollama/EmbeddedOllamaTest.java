package io.tunebook.ollama;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With our client and with the official ones, on the default model. */
class EmbeddedOllamaTest {
    private static final ChatRequest CAPITAL = ChatRequest.of(
                    "smollm2", ChatMessage.user("What is the capital of France? Answer in one word."))
            .option("temperature", 0)
            .option("num_predict", 16);

    private static Path model;
    private static EmbeddedOllama server;
    private static Ollama ollama;

    @BeforeAll
    static void start() throws IOException {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        model = Path.of(path);
        server = EmbeddedOllama.start(model, "smollm2");
        ollama = Ollama.connect(server.url());
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @Test
    void chats() throws Exception {
        List<String> pieces = new ArrayList<>();
        ChatResponse response = ollama.chat(CAPITAL.option("num_predict", 64), p -> pieces.add(p.text()));
        assertThat(response.text()).contains("Paris");
        assertThat(pieces.size()).isGreaterThan(1);
        assertThat(response.promptTokens()).isGreaterThan(10);
        assertThat(response.tokens()).isBetween(1, 64);
        assertThat(response.doneReason()).isEqualTo("stop");
        assertThat(ollama.chat(CAPITAL.option("num_predict", 1)).doneReason()).isEqualTo("length");
    }

    @Test
    void obeysStopFormatAndSeed() throws Exception {
        record City(String name, int inhabitants) {}
        assertThat(ollama.chat(CAPITAL.option("stop", List.of("ris"))).text())
                .contains("Pa")
                .doesNotContain("ris");
        assertThat(ollama.chat(CAPITAL.format(City.class).option("num_predict", 64))
                        .as(City.class)
                        .name())
                .isNotEmpty();
        ChatRequest warm = CAPITAL.option("temperature", 1.5).option("seed", 7).option("num_predict", 24);
        assertThat(ollama.chat(warm).text()).isEqualTo(ollama.chat(warm).text());
    }

    @Test
    void tellsAboutItsModels() throws Exception {
        assertThat(ollama.list()).extracting(Ollama.Model::name).contains("smollm2:latest");
        Ollama.Info info = ollama.show("smollm2");
        assertThat(info.capabilities()).containsExactly("completion");
        assertThat(info.modelInfo())
                .containsEntry("general.architecture", "llama")
                .containsEntry("llama.block_count", 30);
        assertThatThrownBy(() -> ollama.show("absent"))
                .isInstanceOf(OllamaException.ModelNotFound.class)
                .hasMessageContaining("model 'absent' not found");
        assertThatThrownBy(() -> ollama.chat(CAPITAL.think(true))).hasMessageContaining("does not support thinking");
    }

    @Test
    void copiesCreatesAndDeletes(@TempDir Path folder) throws Exception {
        Path other = Files.copy(model, folder.resolve("other.gguf"));
        String digest = ollama.uploadBlob(other, n -> {});
        ollama.create(
                "duck",
                Map.of(
                        "files",
                        Map.of("other.gguf", digest),
                        "system",
                        "You are a duck.",
                        "parameters",
                        Map.of("num_predict", 3)),
                s -> {});
        assertThat(ollama.show("duck").system()).isEqualTo("You are a duck.");
        assertThat(ollama.generate("duck", "Hello").tokens()).isLessThanOrEqualTo(3);
        ollama.copy("duck", "goose");
        ollama.delete("duck");
        assertThat(ollama.list())
                .extracting(Ollama.Model::name)
                .contains("goose:latest")
                .doesNotContain("duck:latest");
        ollama.pull(other.toString());
        assertThat(ollama.list()).extracting(Ollama.Model::name).contains("other:latest");
    }

    @Test
    void embedsAndUnloads() throws Exception {
        float[][] vectors = ollama.embed("smollm2", List.of("a cat", "a cat", "quantum physics"));
        assertThat(vectors).hasDimensions(3, 576);
        assertThat(dot(vectors[0], vectors[1])).isGreaterThan(0.999);
        assertThat(dot(vectors[0], vectors[2])).isLessThan(0.999);
        ollama.chat(CAPITAL);
        assertThat(ollama.ps()).extracting(Ollama.RunningModel::name).contains("smollm2:latest");
        ollama.unload("smollm2");
        assertThat(ollama.ps()).extracting(Ollama.RunningModel::name).doesNotContain("smollm2:latest");
    }

    @Test
    void queuesAndSurvivesClientsThatLeave() throws Exception {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            answers.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return ollama.chat(CAPITAL).text();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }));
        }
        try (ChatStream stream =
                ollama.stream(CAPITAL.option("num_predict", 4000).option("temperature", 2))) {
            stream.iterator().next();
        }
        for (CompletableFuture<String> answer : answers) {
            assertThat(answer.get(60, TimeUnit.SECONDS)).contains("Paris");
        }
    }

    @Test
    void refusesOtherHostsAndOrigins() throws Exception {
        assertThat(status("Host: evil.example")).isEqualTo("403");
        assertThat(status("Host: localhost\r\nOrigin: https://evil.example")).isEqualTo("403");
        assertThat(status("Host: localhost\r\nOrigin: http://localhost:8888")).isEqualTo("200");
    }

    private static String status(String headers) throws IOException {
        URI url = URI.create(server.url());
        try (Socket socket = new Socket(url.getHost(), url.getPort())) {
            socket.getOutputStream()
                    .write(("GET /api/version HTTP/1.1\r\n" + headers + "\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).split(" ")[1];
        }
    }

    @Test
    void officialPythonClient(@TempDir Path folder) throws Exception {
        String python = System.getenv("TUNEBOOK_PYTHON");
        assumeTrue(python != null, "TUNEBOOK_PYTHON is not set");
        assertThat(run(folder, "client.py", python)).contains("PYTHON CLIENT OK");
    }

    @Test
    void officialNodeClient(@TempDir Path folder) throws Exception {
        String modules = System.getenv("TUNEBOOK_NODE_MODULES");
        assumeTrue(modules != null, "TUNEBOOK_NODE_MODULES is not set");
        assertThat(run(folder, "client.mjs", "node")).contains("NODE CLIENT OK");
    }

    private static String run(Path folder, String script, String program) throws Exception {
        Path file = folder.resolve(script);
        try (var in = EmbeddedOllamaTest.class.getResourceAsStream(script)) {
            Files.copy(in, file);
        }
        ProcessBuilder builder = new ProcessBuilder(program, file.toString()).redirectErrorStream(true);
        builder.environment().put("OLLAMA_HOST", server.url());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
