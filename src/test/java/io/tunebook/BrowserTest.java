package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Chapter 5 as a reader meets it: in JupyterLab, in a browser, with the installed kernel. It trains a few steps only.
 */
final class BrowserTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path KERNEL =
            Path.of("../kernel/target/tunebook-kernel.jar").toAbsolutePath();
    private static final Path CHAPTER = Path.of("../notebooks/05-lora.ipynb");

    @TempDir
    Path folder;

    @Test
    void chapterFiveRunsAndItsCurveGrows() throws Exception {
        String python = needed("TUNEBOOK_PYTHON", "no Python with JupyterLab");
        String modules = needed("TUNEBOOK_NODE_MODULES", "no packages of npm");
        needed("TUNEBOOK_DEFAULT_MODEL", "no model");
        Path browser = browser().orElse(null);
        assumeTrue(browser != null, "skipped: no Chromium, Chrome or Edge is installed");
        assumeTrue(Files.exists(KERNEL), "skipped: no " + KERNEL + "; mvn package makes it");

        Path notebook = shortened(Files.createDirectories(folder.resolve("notebooks")));
        Map<String, String> environment = new TreeMap<>(Map.of("PYTHONUTF8", "1", "NODE_PATH", modules));
        for (String kind : List.of("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")) {
            environment.put("JUPYTER_" + kind, folder.resolve(kind).toString());
        }
        Path settings = folder.resolve("settings");
        environment.put("JUPYTERLAB_SETTINGS_DIR", settings.toString());
        // All cells stay in the page, not only those on the screen; no news.
        set(settings, "notebook-extension", "tracker", "{\"windowingMode\": \"none\"}");
        set(settings, "apputils-extension", "notification", "{\"fetchNews\": \"false\"}");
        environment.put(
                "JUPYTERLAB_WORKSPACES_DIR", folder.resolve("workspaces").toString());
        environment.put("TUNEBOOK_HISTORY", folder.resolve("history.jsonl").toString());
        environment.put(
                "JUPYTER_PATH",
                folder.resolve("prefix").resolve("share").resolve("jupyter").toString());
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        // The kernel logs by a copy of its own; beside the notebooks' silent logger this one would fill their stderr.
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        String classPath = Stream.of(all.split(File.pathSeparator))
                .filter(entry -> !entry.contains("slf4j-jdk14"))
                .collect(Collectors.joining(File.pathSeparator));
        run(
                environment,
                List.of(
                        java,
                        "-jar",
                        KERNEL.toString(),
                        "install",
                        "--prefix",
                        folder.resolve("prefix").toString(),
                        "--class-path",
                        classPath));

        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        String address = "http://127.0.0.1:" + port + "/lab";
        Process lab = start(
                environment,
                List.of(
                        python,
                        "-m",
                        "jupyterlab",
                        "--no-browser",
                        "--allow-root",
                        "--ip=127.0.0.1",
                        "--port=" + port,
                        "--ServerApp.port_retries=0",
                        "--IdentityProvider.token=",
                        "--notebook-dir=" + notebook.getParent()),
                folder.resolve("jupyterlab.txt"));
        try {
            await(address, lab);
            Path picture = Path.of("target", "chapter-5.png").toAbsolutePath();
            Path script = Path.of(BrowserTest.class.getResource("jupyterlab.js").toURI());
            String said = run(
                    environment,
                    List.of(
                            "node",
                            script.toString(),
                            browser.toString(),
                            address + "/tree/" + notebook.getFileName() + "?reset",
                            picture.toString()));
            JsonNode seen = JSON.readTree(said.substring(said.indexOf('{')));

            assertThat(seen.path("errors")).as(said).isEmpty();
            assertThat(seen.path("frames").asInt())
                    .as("the curve is drawn anew while it trains")
                    .isGreaterThan(2);
            assertThat(seen.path("naturalWidth").asInt())
                    .as("sharp on a fine screen")
                    .isEqualTo(2 * seen.path("width").asInt());
            assertThat(seen.path("colours").path("training").asInt())
                    .as("pixels of the training loss")
                    .isGreaterThan(100);
            assertThat(seen.path("colours").path("heldOut").asInt())
                    .as("pixels of the held-out loss")
                    .isGreaterThan(100);
            assertThat(seen.path("formulas").asInt()).as("formulas are typeset").isGreaterThan(3);
            assertThat(seen.path("tables").asInt()).isGreaterThan(1);
            assertThat(seen.path("text").asText())
                    .contains("训练损失")
                    .contains("SmolLM2")
                    .contains("20 of 20");
            assertThat(picture).isNotEmptyFile();
        } finally {
            lab.descendants().forEach(ProcessHandle::destroy);
            lab.destroy();
            lab.waitFor(20, TimeUnit.SECONDS);
            lab.destroyForcibly();
        }
    }

    private static void set(Path settings, String extension, String plugin, String values) throws IOException {
        Path to = Files.createDirectories(settings.resolve("@jupyterlab").resolve(extension));
        Files.writeString(to.resolve(plugin + ".jupyterlab-settings"), values, StandardCharsets.UTF_8);
    }

    private static String needed(String variable, String otherwise) {
        String value = System.getenv(variable);
        assumeTrue(value != null, "skipped: " + variable + " is not set, so there is " + otherwise);
        return value;
    }

    /** Chapter 5 up to its training, of twenty steps, with a line of Chinese at the end and no outputs. */
    private static Path shortened(Path to) throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(Files.readString(CHAPTER, StandardCharsets.UTF_8));
        ArrayNode kept = JSON.createArrayNode();
        boolean trains = false;
        for (JsonNode cell : root.withArray("/cells")) {
            StringBuilder source = new StringBuilder();
            cell.path("source").forEach(line -> source.append(line.asText()));
            if (cell.path("cell_type").asText().equals("code")) {
                ((ObjectNode) cell).putNull("execution_count").putArray("outputs");
            }
            trains = source.indexOf(".epochs(") >= 0;
            ((ObjectNode) cell)
                    .put(
                            "source",
                            source.toString()
                                    .replaceFirst("\\.epochs\\([^)]*\\)", ".maxSteps(20)")
                                    .replaceFirst("evaluateEvery\\(\\d+\\)", "evaluateEvery(2)"));
            kept.add(cell);
            if (trains) {
                break;
            }
        }
        assertThat(trains).as("chapter 5 has a cell with .epochs(…)").isTrue();
        ObjectNode last = ((ObjectNode) kept.get(kept.size() - 1)).deepCopy();
        kept.add(last.put("id", "last").put("source", "System.out.println(\"训练损失\");"));
        root.set("cells", kept);
        Path data = Files.createDirectories(to.resolve("data")).resolve("assistant.jsonl");
        Files.copy(CHAPTER.resolveSibling("data").resolve("assistant.jsonl"), data);
        return Files.writeString(to.resolve("chapter-5.ipynb"), root.toString(), StandardCharsets.UTF_8);
    }

    static Optional<Path> browser() {
        Stream<Path> onPath = Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .flatMap(f -> Stream.of("chromium", "chromium-browser", "google-chrome")
                        .map(name -> Path.of(f.isEmpty() ? "." : f, name)));
        Stream<Path> elsewhere = Stream.of(
                        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
                        "C:/Program Files/Google/Chrome/Application/chrome.exe",
                        "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe")
                .map(Path::of);
        return Stream.concat(onPath, elsewhere).filter(Files::isExecutable).findFirst();
    }

    private static void await(String address, Process server) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(address)).build();
        while (server.isAlive()) {
            try {
                if (client.send(request, BodyHandlers.discarding()).statusCode() == 200) {
                    return;
                }
            } catch (IOException e) {
                // it does not listen yet
            }
            Thread.sleep(200);
        }
        throw new AssertionError("JupyterLab ended with status " + server.exitValue());
    }

    private String run(Map<String, String> environment, List<String> command) throws Exception {
        Path output = Files.createTempFile(folder, "output", ".txt");
        Process process = start(environment, command, output);
        boolean ended = process.waitFor(9, TimeUnit.MINUTES);
        process.destroyForcibly();
        String text = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(ended && process.exitValue() == 0).as(text).isTrue();
        return text;
    }

    private Process start(Map<String, String> environment, List<String> command, Path output) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(new ArrayList<>(command));
        builder.environment().putAll(environment);
        return builder.directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
    }
}
