package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.tunebook.export.Modelfile.ExportSettings;
import io.tunebook.lora.AdapterFile;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.ModelSource;
import io.tunebook.model.Precision;
import io.tunebook.ollama.GenerateRequest;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.server.EmbeddedOllama;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * From a base in Ollama's folder and an adapter to a model on the server, by every road that the server's version
 * leaves open.
 */
class OllamaExportTest {
    private static final String SETTINGS = "{\"stop\": [\"<|im_end|>\", \"a\\\"b\"], \"temperature\": 0.5}";

    @TempDir
    Path temp;

    private Path base;
    private AdapterFile adapter;

    @BeforeEach
    void layOut() throws Exception {
        String model = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(model != null, "TUNEBOOK_DEFAULT_MODEL is not set: no tokenizer for the models of this test");
        Path plain = temp.resolve("random.gguf");
        RandomModels.write("llama", Path.of(model), plain);
        base = blob(Files.readAllBytes(plain));
        String layers = layer("model", base)
                + layer("template", blob("{{ .Prompt }} äöü".getBytes(StandardCharsets.UTF_8)))
                + layer("system", blob("You are a \"duck\".".getBytes(StandardCharsets.UTF_8)))
                + layer("license", blob("MIT\nand more".getBytes(StandardCharsets.UTF_8)))
                + layer("params", blob(SETTINGS.getBytes(StandardCharsets.UTF_8)));
        Path config = blob("{\"model_format\": \"gguf\", \"renderer\": \"duck-1\", \"parser\": \"duck-2\"}"
                .getBytes(StandardCharsets.UTF_8));
        Path manifest = temp.resolve("store/manifests/registry.ollama.ai/someone/duck/1b");
        Files.createDirectories(manifest.getParent());
        Files.writeString(
                manifest,
                "{\"config\": {\"digest\": \"" + digest(config) + "\"}, \"layers\": ["
                        + layers.substring(0, layers.length() - 1) + "]}");
        try (CausalLM loaded = CausalLM.load(base, LoadOptions.in(Precision.FLOAT32))) {
            adapter = RandomModels.adapter(loaded.config(), 0.05f);
        }
    }

    @Test
    void knowsWhichVersionsTakeAdapters() {
        assertThat(List.of("0.5.0", "0.33.0", "0.34.0", "0.34.0-rc2")).allMatch(OllamaExport::takesAdapters);
        assertThat(List.of("0.34.1", "0.34.1-rc0", "0.35.0", "1.0.0", "0.0.0", "unknown"))
                .noneMatch(OllamaExport::takesAdapters);
    }

    /** A server that only notes what it is told, and has every blob already. */
    @ParameterizedTest
    @CsvSource({"0.34.1, 'refuses adapters'", "0.34.0, 'as every version does'"})
    void sendsTheMergedModelWithAllThatBelongsToItsBase(String version, String explained) throws Exception {
        List<String> calls = new ArrayList<>();
        JsonNode[] created = {null};
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            calls.add(exchange.getRequestMethod() + " "
                    + exchange.getRequestURI().getPath().replaceAll("sha256:.*", "…"));
            String answer = "";
            if (exchange.getRequestURI().getPath().equals("/api/version")) {
                answer = "{\"version\": \"" + version + "\"}";
            } else if (exchange.getRequestURI().getPath().equals("/api/create")) {
                created[0] = new ObjectMapper().readTree(exchange.getRequestBody());
                answer = "{\"status\": \"success\"}\n";
            }
            byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, bytes.length == 0 ? -1 : bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        try {
            Ollama ollama = Ollama.connect(":" + server.getAddress().getPort());
            StoredModel stored = ModelStore.open(temp.resolve("store")).model("someone/duck:1b");
            OllamaExport.Created made = OllamaExport.create(ollama, "mine", stored, adapter, Quantization.Q8_0);
            assertThat(made.explanation()).contains("merged", "Q8_0", version, explained);
            // The blob is there: nothing is sent.
            assertThat(calls).containsExactly("GET /api/version", "HEAD /api/blobs/…", "POST /api/create");
            assertThat(created[0].at("/files/model.gguf").asText()).matches("sha256:[0-9a-f]{64}");
            // The model is trained under its chat template's own words, so that these go along and not the stored
            // template's.
            assertThat(created[0].path("template").asText())
                    .isEqualTo(OllamaTemplate.of(base).template().orElseThrow())
                    .contains(
                            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>");
            assertThat(created[0].has("system")).isFalse();
            assertThat(created[0].at("/license/0").asText()).isEqualTo("MIT\nand more");
            assertThat(created[0].path("parameters")).isEqualTo(new ObjectMapper().readTree(SETTINGS));
            assertThat(created[0].has("renderer")).isFalse();
            assertThat(created[0].path("parser").asText()).isEqualTo("duck-2");
            assertThat(created[0].has("adapters")).isFalse();
            try (CausalLM loaded = CausalLM.load(base, LoadOptions.in(Precision.FLOAT32))) {
                if (version.equals("0.34.1")) {
                    assertThatThrownBy(() -> OllamaExport.createFromAdapter(ollama, "mine", "duck", loaded, adapter))
                            .isInstanceOf(UnsupportedOperationException.class)
                            .hasMessageContaining("0.34.1 refuses adapters")
                            .hasMessageContaining("OllamaExport.create");
                } else {
                    made = OllamaExport.createFromAdapter(ollama, "mine", "duck", loaded, adapter);
                    assertThat(made.explanation()).contains("on top of duck", "0.34.0");
                    assertThat(created[0].path("from").asText()).isEqualTo("duck");
                    assertThat(created[0].at("/adapters/adapter.gguf").asText()).matches("sha256:[0-9a-f]{64}");
                }
            }
        } finally {
            server.stop(0);
        }
    }

    /** The server in this process: base, merged model and adapter are asked the same. */
    @Test
    void bothRoadsLeadToTheSameModel() throws Exception {
        Path real = Path.of(System.getenv("TUNEBOOK_DEFAULT_MODEL"));
        try (EmbeddedOllama server = EmbeddedOllama.start(real, "base");
                CausalLM loaded = CausalLM.load(real)) {
            Ollama ollama = Ollama.connect(server.url());
            AdapterFile strong = RandomModels.adapter(loaded.config(), 0.004f);
            OllamaExport.create(ollama, "merged", real, strong, Quantization.F16);
            OllamaExport.createFromAdapter(ollama, "adapted", "base", loaded, strong);
            OllamaExport.create(ollama, "unchanged", real);
            // llama.cpp rounds what it multiplies 4-bit weights with, so that later tokens may part.
            assertThat(answer(ollama, "adapted", 3)).isEqualTo(answer(ollama, "merged", 3));
            assertThat(answer(ollama, "base", 12)).isNotEqualTo(answer(ollama, "merged", 12));
            assertThat(answer(ollama, "unchanged", 12)).isEqualTo(answer(ollama, "base", 12));
            StoredModel stored = ModelStore.open(temp.resolve("store")).model("someone/duck:1b");
            OllamaExport.create(ollama, "duck", stored, adapter, Quantization.AS_BASE);
            Ollama.Info info = ollama.show("duck");
            assertThat(info.system()).isEmpty();
            assertThat(info.template())
                    .isEqualTo(OllamaTemplate.of(base).template().orElseThrow());
            assertThat(info.license()).isEqualTo("MIT\nand more");
            assertThat(info.parameters()).contains("stop", "<|im_end|>", "0.5");
        }
    }

    private static String answer(Ollama ollama, String model, int tokens) throws IOException {
        GenerateRequest request = GenerateRequest.of(model, "The first thing to know about the sea is that")
                .asItIs()
                .option("temperature", 0)
                .option("num_predict", tokens);
        return ollama.generate(request, piece -> {}).text();
    }

    @Test
    void writesAModelfileBesideEither() throws Exception {
        Path out = temp.resolve("out");
        StoredModel stored = ModelStore.open(temp.resolve("store")).model("someone/duck:1b");
        Rounding rounding = OllamaExport.write(out, stored, adapter, Quantization.F16);
        assertThat(rounding.kept()).isCloseTo(1, within(0.001));
        assertThat(rounding.error()).isLessThan(0.1);
        String settings = "TEMPLATE \"\"\"" + OllamaTemplate.of(base).template().orElseThrow() + "\"\"\"\n";
        String modelfile = Files.readString(out.resolve("Modelfile"));
        assertThat(modelfile)
                .startsWith("FROM ./model.gguf\n" + settings)
                .contains("PARAMETER stop \"<|im_end|>\"\n")
                .contains("PARAMETER stop \"\"\"a\"b\"\"\"\n")
                .contains("PARAMETER temperature 0.5\n")
                .doesNotContain("RENDERER", "SYSTEM")
                .contains("PARSER duck-2\n")
                .contains("LICENSE \"\"\"MIT\nand more\"\"\"\n");
        assertThat(Files.readString(out.resolve("adapter.Modelfile")))
                .startsWith("FROM someone/duck:1b\nADAPTER ./adapter.gguf\n" + settings);
        assertThat(out.resolve("model.gguf")).isNotEmptyFile();
        assertThat(out.resolve("adapter.gguf")).isNotEmptyFile();
        assertThat(Map.of("files", Files.list(out).count())).containsEntry("files", 4L);
    }

    private Path blob(byte[] content) throws Exception {
        String hex =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        Path blob = temp.resolve("store/blobs/sha256-" + hex);
        Files.createDirectories(blob.getParent());
        return Files.write(blob, content);
    }

    private static String digest(Path blob) {
        return blob.getFileName().toString().replace('-', ':');
    }

    private static String layer(String kind, Path blob) {
        return "{\"mediaType\": \"application/vnd.ollama.image." + kind + "\", \"digest\": \"" + digest(blob) + "\"},";
    }

    /**
     * A stored template that writes what the model was trained on goes along with its system prompt, whichever model
     * shares the blob.
     */
    @Test
    void aStoredModelGoesByItsNameAndKeepsWhatFitsItsTraining() throws Exception {
        String chatml =
                "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n";
        String system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
        String layers = layer("model", base)
                + layer("template", blob(chatml.getBytes(StandardCharsets.UTF_8)))
                + layer("system", blob(system.getBytes(StandardCharsets.UTF_8)));
        Path manifest = temp.resolve("store/manifests/registry.ollama.ai/library/zebra/latest");
        Files.createDirectories(manifest.getParent());
        Files.writeString(manifest, "{\"layers\": [" + layers.substring(0, layers.length() - 1) + "]}");
        StoredModel stored = ModelStore.open(temp.resolve("store")).model("zebra");
        assertThat(ExportSettings.of(stored).forCreate())
                .containsEntry("template", chatml)
                .containsEntry("system", system)
                .doesNotContainKey("license");
        // A model that was loaded by its name is still that one when it is exported.
        ModelSource source = ModelSource.of(stored);
        assertThat(ExportSettings.of(source).forCreate())
                .isEqualTo(ExportSettings.of(stored).forCreate());
        assertThat(source.name()).isEqualTo("zebra:latest");
        StoredModel duck = ModelStore.open(temp.resolve("store")).model("someone/duck:1b");
        try (CausalLM loaded = CausalLM.load(duck)) {
            assertThat(ExportSettings.of(loaded.source()).forCreate())
                    .containsEntry("license", List.of("MIT\nand more"));
        }
        // By its path the model is a file, and nobody's settings are looked up for it.
        assertThat(ExportSettings.of(base).forCreate()).containsOnlyKeys("template", "parameters");
    }

    @Test
    void saysHowMuchOfTheAdapterIsLeft() throws Exception {
        Path real = Path.of(System.getenv("TUNEBOOK_DEFAULT_MODEL"));
        AdapterFile faint;
        try (CausalLM loaded = CausalLM.load(real)) {
            faint = RandomModels.adapter(loaded.config(), 0.00005f);
        }
        Rounding exact = MergedGguf.write(real, faint, Quantization.F16, temp.resolve("f16.gguf"));
        Rounding coarse = MergedGguf.write(real, faint, Quantization.AS_BASE, temp.resolve("q4.gguf"));
        assertThat(exact.kept()).isCloseTo(1, within(0.05));
        assertThat(exact.little()).isFalse();
        // The base's weights lie on the grid of their type, so that a small change is rounded back.
        assertThat(coarse.kept()).isLessThan(0.2);
        assertThat(coarse.little()).isTrue();
        assertThat(coarse).asString().contains("% of the adapter's change is left");
        // The export warns of it before anything is sent, and tells it of what it made.
        PrintStream before = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        try (EmbeddedOllama server = EmbeddedOllama.start(real, "base")) {
            Ollama ollama = Ollama.connect(server.url());
            System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
            var made = OllamaExport.create(ollama, "faint", real, faint, Quantization.AS_BASE);
            assertThat(made.explanation()).contains(coarse.toString());
        } finally {
            System.setErr(before);
        }
        assertThat(said.toString(StandardCharsets.UTF_8))
                .contains("Warning: " + coarse, "likely to answer as its base does: take Q8_0 or F16");
    }
}
