package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A disk that takes no more, made by the limit that Linux sets to a process's files. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "the limit on files is set by a shell of Linux")
class FullDiskTest {
    private static final int KILOBYTES = 256;

    @TempDir
    Path folder;

    @Test
    void isToldInTheAnswerAndInTheLog() throws Exception {
        Path model = Path.of(FullDiskTest.class
                .getResource("/io/tunebook/export/llama/base.gguf")
                .toURI());
        Path log = folder.resolve("log");
        Path temporary = Files.createDirectory(folder.resolve("tmp"));
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder = new ProcessBuilder(
                        "sh",
                        "-c",
                        "ulimit -f " + 2 * KILOBYTES + "; exec \"$@\"",
                        "sh",
                        java,
                        "-XX:-UsePerfData",
                        "-Djava.io.tmpdir=" + temporary,
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        EmbeddedOllama.class.getName(),
                        "--model",
                        model.toString(),
                        "--port",
                        "0")
                .redirectError(log.toFile());
        Process server = builder.start();
        try (BufferedReader out = server.inputReader(StandardCharsets.UTF_8)) {
            String line = out.readLine();
            assertThat(line).as(() -> "it did not start: " + read(log)).isNotNull();
            Matcher url = Pattern.compile("http://127\\.0\\.0\\.1:\\d+").matcher(line);
            assertThat(url.find()).as(line).isTrue();
            HttpRequest request = HttpRequest.newBuilder(
                            URI.create(url.group() + "/api/blobs/sha256:" + "0".repeat(64)))
                    .POST(BodyPublishers.ofByteArray(new byte[8 << 20]))
                    .build();
            HttpResponse<String> answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
            assertThat(answer.statusCode()).isEqualTo(500);
            assertThat(new ObjectMapper().readTree(answer.body()).path("error").asText())
                    .startsWith("the server's disk takes no more of what is sent: ")
                    .doesNotContain(folder.toString());
            assertThat(read(log)).contains("could not be written to " + temporary, "Make room there");
            HttpResponse<String> version = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create(url.group() + "/api/version"))
                                    .build(),
                            BodyHandlers.ofString());
            assertThat(version.statusCode()).isEqualTo(200);
            try (Stream<Path> left = Files.walk(temporary)) {
                assertThat(left.filter(f -> f.toString().endsWith(".part")).toList())
                        .isEqualTo(List.of());
            }
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    private static String read(Path log) {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
