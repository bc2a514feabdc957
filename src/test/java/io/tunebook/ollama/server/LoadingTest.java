package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.ChatRequest;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.OllamaException;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files that llama.cpp does not get done with, and sinks that fail. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LoadingTest {
    /** llama.cpp renders a file's chat template when it loads it. */
    private static final String LOOPS =
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";

    @TempDir
    Path temp;

    private static Path model() {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        return Path.of(path);
    }

    private Path looping() throws Exception {
        Path file = temp.resolve("loops.gguf");
        try (GgufFile from = GgufFile.open(model())) {
            GgufWriter writer = new GgufWriter();
            for (String key : from.metadata().keySet()) {
                if (!key.equals("tokenizer.chat_template")) {
                    writer.copy(from, key);
                }
            }
            writer.string("tokenizer.chat_template", LOOPS);
            from.tensors().forEach(t -> writer.tensor(from, t));
            writer.write(file, n -> {});
        }
        return file;
    }

    @Test
    void aTemplateThatLoopsHoldsUpNobodyElse() throws Exception {
        Path loops = looping();
        CompletableFuture<String> stuck;
        try (EmbeddedOllama server = EmbeddedOllama.start(model(), "good")) {
            Ollama ollama = Ollama.connect(server.url());
            ollama.pull(loops.toString());
            stuck = CompletableFuture.supplyAsync(() -> {
                try {
                    return ollama.chat(ChatRequest.of("loops", ChatMessage.user("Hi")))
                            .text();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            while (ollama.ps().isEmpty()) {
                Thread.sleep(20);
            }
            assertThat(ollama.chat(ChatRequest.of("good", ChatMessage.user("Hi"))
                                    .option("num_predict", 2))
                            .tokens())
                    .isPositive();
            assertThat(stuck).isNotDone();
        }
        // The server's end is the end of what waits in it.
        assertThatThrownBy(() -> stuck.get(1, TimeUnit.MINUTES)).isInstanceOf(ExecutionException.class);
    }

    @Test
    void loadingHasALimit() throws Exception {
        try (Runner runner = new Runner(looping(), List.of(), 256, false)) {
            assertThatThrownBy(() -> runner.ready(Duration.ofSeconds(8)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("did not load within 8 seconds");
            assertThat(runner.alive()).isFalse();
        }
    }

    /**
     * The server is killed, so that nothing of its own ends the runner, which is deep in llama.cpp and reads nothing.
     */
    @Test
    void aRunnerEndsWithItsParentWhateverItDoes() throws Exception {
        Process server = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Djava.io.tmpdir=" + temp,
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        EmbeddedOllama.class.getName(),
                        "--model",
                        looping().toString(),
                        "--name",
                        "loops",
                        "--port",
                        "0")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        ProcessHandle runner = null;
        try (BufferedReader out = server.inputReader(StandardCharsets.UTF_8)) {
            Matcher url = Pattern.compile("http://127\\.0\\.0\\.1:\\d+").matcher(String.valueOf(out.readLine()));
            assertThat(url.find()).isTrue();
            Ollama ollama = Ollama.connect(url.group());
            CompletableFuture<Throwable> asking = CompletableFuture.supplyAsync(() -> {
                try {
                    ollama.chat(ChatRequest.of("loops", ChatMessage.user("Hi")));
                    return null;
                } catch (IOException e) {
                    return e;
                }
            });
            while (ollama.ps().isEmpty()) {
                Thread.sleep(20);
            }
            runner = server.toHandle().children().findFirst().orElseThrow();
            assertThat(runner.isAlive()).isTrue();
            server.destroyForcibly().waitFor();
            runner.onExit().get(1, TimeUnit.MINUTES);
            assertThat(asking.get(1, TimeUnit.MINUTES)).isInstanceOf(OllamaException.class);
        } finally {
            server.destroyForcibly();
            if (runner != null) {
                runner.destroyForcibly();
            }
        }
    }

    /** It asked for an answer in one piece, of which nothing is written before its end. */
    @Test
    void whatNobodyWaitsForEnds() throws Exception {
        try (EmbeddedOllama server = EmbeddedOllama.start(looping(), "loops")) {
            Ollama ollama = Ollama.connect(server.url());
            for (String request : List.of(
                    "POST /api/chat {\"model\":\"loops\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":false}",
                    "POST /v1/completions {\"model\":\"loops\",\"prompt\":\"Hi\"}",
                    "POST /api/embed {\"model\":\"loops\",\"input\":\"Hi\"}")) {
                String[] parts = request.split(" ", 3);
                URI url = URI.create(server.url());
                try (Socket socket = new Socket(url.getHost(), url.getPort())) {
                    socket.getOutputStream()
                            .write((parts[0] + " " + parts[1] + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                                            + parts[2].length() + "\r\n\r\n" + parts[2])
                                    .getBytes(StandardCharsets.UTF_8));
                    while (ollama.ps().isEmpty()) {
                        Thread.sleep(20);
                    }
                }
                // Loading itself has a limit of five minutes.
                for (int tries = 0; !ollama.ps().isEmpty(); tries++) {
                    assertThat(tries).as(request).isLessThan(6000);
                    Thread.sleep(20);
                }
            }
        }
    }

    @Test
    void anInterruptEndsAnAnswerAndTheNextOneIsWhole() throws Exception {
        try (Runner runner = new Runner(model(), List.of(), 256, false)) {
            runner.ready(Duration.ofMinutes(2));
            var options = new ObjectMapper().readTree("{\"temperature\":0,\"num_predict\":40}");
            StringBuilder first = new StringBuilder();
            assertThatThrownBy(() -> runner.complete("Once upon a time", options, null, -1, (piece, logprobs) -> {
                        first.append(piece);
                        Thread.currentThread().interrupt();
                        return true;
                    }))
                    .isInstanceOf(IOException.class);
            assertThat(Thread.interrupted()).isFalse();
            StringBuilder whole = new StringBuilder();
            Runner.Figures figures = runner.complete("Once upon a time", options, null, -1, (piece, logprobs) -> {
                whole.append(piece);
                return true;
            });
            assertThat(figures.tokens()).isEqualTo(40);
            assertThat(whole.toString()).startsWith(first.toString()).hasSizeGreaterThan(2 * first.length());
        }
    }

    @Test
    void aSinkThatThrowsLeavesNoRestForTheNextRequest() throws Exception {
        try (Runner runner = new Runner(model(), List.of(), 256, false)) {
            runner.ready(Duration.ofMinutes(2));
            var options = new ObjectMapper().readTree("{\"temperature\":0,\"num_predict\":40}");
            assertThatThrownBy(() -> runner.complete("Once upon a time", options, null, -1, (piece, logprobs) -> {
                        throw new IllegalArgumentException("full");
                    }))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("full");
            assertThat(runner.tokens("a")).hasSize(1);
        }
    }
}
