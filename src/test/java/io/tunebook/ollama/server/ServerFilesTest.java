package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import io.tunebook.files.Sha256;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.server.Models.LoadedModels;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the server keeps on disk and in memory of what it was sent, on its own parts put together by hand. */
class ServerFilesTest {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    @TempDir
    Path temp;

    private final Models models = new Models();
    private final LoadedModels loaded = new LoadedModels();
    private final Prompts prompts = new Prompts();
    private final ExecutorService threads = Executors.newCachedThreadPool(EmbeddedOllama::daemon);
    private BlobFolder blobs;
    private HttpServer server;
    private ClientWatch clients;
    private String url;

    @BeforeEach
    void start() throws IOException {
        blobs = new BlobFolder();
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        clients = new ClientWatch(0, server.getAddress());
        server.createContext("/", new Routes("0.34.0", models, loaded, prompts, blobs, clients)::handle);
        server.start();
        clients.start();
        url = "http://127.0.0.1:" + clients.port();
    }

    @AfterEach
    void stop() {
        server.stop(0);
        clients.close();
        threads.shutdownNow();
        loaded.close();
        prompts.close();
        blobs.close();
    }

    @Test
    void anUploadThatBreaksOffLeavesNothing() throws Exception {
        try (Socket socket = connect()) {
            OutputStream out = socket.getOutputStream();
            out.write(head("POST", "/api/blobs/sha256:" + "a".repeat(64), 20_000_000));
            out.write(new byte[1_000_000]);
            out.flush();
            until(() -> left().stream().anyMatch(f -> f.toString().endsWith(".part")));
        }
        until(() -> left().isEmpty());
    }

    /** Ollama 0.34.0 sends a blob that is there already, and sees a broken connection where nobody reads it. */
    @Test
    void aBlobThatIsThereIsReadToItsEnd() throws Exception {
        byte[] content = "the same again".repeat(600_000).getBytes(StandardCharsets.UTF_8);
        String digest = Sha256.hex(Files.write(temp.resolve("blob"), content));
        try (Socket socket = connect()) {
            BufferedReader in =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            OutputStream out = socket.getOutputStream();
            for (int status : new int[] {201, 200, 200}) {
                out.write(head("POST", "/api/blobs/sha256:" + digest, content.length));
                out.write(content);
                out.flush();
                assertThat(in.readLine()).startsWith("HTTP/1.1 " + status + " ");
                for (String line = in.readLine(); !line.isEmpty(); line = in.readLine()) {
                    assertThat(line.toLowerCase(java.util.Locale.ROOT)).isNotEqualTo("connection: close");
                }
            }
        }
        assertThat(left()).containsExactly(blobs.find("sha256:" + digest));
    }

    /** A chat template that is near none of Ollama's makes prompts with the file's tokenizer, which takes memory. */
    @Test
    void aDeletedModelLeavesTheDiskAndTheMemory() throws Exception {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        Path file = temp.resolve("own.gguf");
        try (GgufFile from = GgufFile.open(Path.of(path))) {
            GgufWriter writer = new GgufWriter();
            from.metadata().keySet().stream()
                    .filter(key -> !key.equals("tokenizer.chat_template"))
                    .forEach(key -> copy(writer, from, key));
            writer.string(
                    "tokenizer.chat_template",
                    "{% for m in messages %}<{{ m.content }}>{% endfor %}"
                            + "{# far from all of Ollama's own #}".repeat(9));
            from.tensors().forEach(t -> writer.tensor(from, t));
            writer.write(file, n -> {});
        }
        Ollama ollama = Ollama.connect(url);
        String digest = ollama.uploadBlob(file, n -> {});
        ollama.create("one", Map.of("files", Map.of("own.gguf", digest)), status -> {});
        ollama.create("two", Map.of("from", "one"), status -> {});
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/api/chat"))
                .POST(BodyPublishers.ofString("{\"model\":\"one\",\"_debug_render_only\":true,"
                        + "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"))
                .build();
        HttpResponse<String> answer = HTTP.send(request, BodyHandlers.ofString());
        assertThat(answer.body()).contains("\"rendered_template\":\"<Hi>\"");
        Path blob = blobs.find(digest);
        assertThat(prompts.known()).containsExactly(blob);
        ollama.delete("one");
        // the second name needs them still
        assertThat(blob).exists();
        assertThat(prompts.known()).containsExactly(blob);
        ollama.delete("two");
        assertThat(blob).doesNotExist();
        assertThat(prompts.known()).isEmpty();
        assertThat(ollama.list()).isEmpty();
    }

    private static void copy(GgufWriter writer, GgufFile from, String key) {
        try {
            writer.copy(from, key);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private Socket connect() throws IOException {
        return new Socket(server.getAddress().getAddress(), clients.port());
    }

    private static byte[] head(String method, String path, int length) {
        return (method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** What lies in the folder of blobs. */
    private List<Path> left() {
        try (Stream<Path> files = Files.list(blobs.path())) {
            return files.toList();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void until(BooleanSupplier state) throws InterruptedException {
        Instant limit = Instant.now().plus(Duration.ofMinutes(2));
        while (!state.getAsBoolean()) {
            assertThat(Instant.now()).as("waited for two minutes").isBefore(limit);
            Thread.sleep(20);
        }
    }
}
