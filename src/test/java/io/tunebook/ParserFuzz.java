package io.tunebook;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.data.ChatExample;
import io.tunebook.data.Corpus;
import io.tunebook.data.CorpusException;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import io.tunebook.kernel.notebook.Notebook;
import io.tunebook.lora.AdapterFile;
import io.tunebook.model.Weights;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.ollama.store.StoreFiles;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.CheckpointFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/**
 * Damages files of all the library's formats and reads them, in a process of its own with a small heap.
 *
 * <p>{@code ParserFuzz FOLDER SEED COUNT}: each try lies in FOLDER while it is read, so that the last one is there
 * after a crash or a hang. Anything but a right reading or an exception of the documented kind, with a message that
 * names the file, ends the process.
 */
final class ParserFuzz {
    /** Pieces that mean something in one of the formats. */
    private static final String[] PIECES = {
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "null",
        "-1",
        "1e999",
        "99999999999999999999",
        "\\u0000",
        "\\",
        "{%",
        "%}",
        "{{",
        "}}",
        "for",
        "| ",
        "**",
        "range(9999999999)",
        "\n",
        "\0",
        "\u2028",
        "[[[[[[[[",
        "(((((((("
    };

    private final Path folder;
    private final Random random;
    /** By kind, how many were read and how many refused. */
    private final Map<String, int[]> ends = new TreeMap<>();

    private interface Reading {
        void read(Path file) throws IOException;
    }

    /**
     * What is damaged and read.
     *
     * @param kind what the counts at the end are told by
     * @param contents whole files, one of which is damaged each time
     * @param within how many bytes from its beginning are damaged, so that weights are not
     */
    private record Format(String kind, String name, List<byte[]> contents, int within, Reading reading) {
        Format(String kind, String name, byte[] content, int within, Reading reading) {
            this(kind, name, List.of(content), within, reading);
        }
    }

    private ParserFuzz(Path folder, long seed) {
        this.folder = folder;
        this.random = new Random(seed);
    }

    public static void main(String[] args) throws Exception {
        ParserFuzz fuzz = new ParserFuzz(Path.of(args[0]), Long.parseLong(args[1]));
        List<Format> formats = fuzz.formats();
        int count = Integer.parseInt(args[2]);
        for (int i = 0; i < count; i++) {
            fuzz.attempt(formats.get(i % formats.size()));
        }
        int read = 0;
        int refused = 0;
        for (Map.Entry<String, int[]> kind : fuzz.ends.entrySet()) {
            int[] ends = kind.getValue();
            System.out.println(
                    kind.getKey() + ": " + (ends[0] + ends[1]) + ", read " + ends[0] + ", refused " + ends[1]);
            read += ends[0];
            refused += ends[1];
        }
        System.out.println(formats.size() + " files, tried " + count + ", read " + read + ", refused " + refused);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = ParserFuzz.class.getResourceAsStream(name)) {
            return in.readAllBytes();
        }
    }

    private List<Format> formats() throws IOException {
        List<Format> all = new ArrayList<>();
        byte[] adapter = resource("export/llama/adapter/adapter_model.safetensors");
        byte[] settings = resource("export/llama/adapter/adapter_config.json");
        all.add(new Format("GGUF", "m.gguf", resource("export/llama/base.gguf"), 1600, file -> {
            try (GgufFile gguf = GgufFile.open(file)) {
                for (GgufTensor tensor : gguf.tensors()) {
                    gguf.read(tensor);
                }
            }
            Weights.open(file).close();
        }));
        all.add(new Format("safetensors", "t.safetensors", adapter, 1500, file -> {
            try (Safetensors tensors = Safetensors.open(file)) {
                for (GgufTensor tensor : tensors.tensors().values()) {
                    tensors.read(tensor);
                }
            }
        }));
        all.add(new Format("config", "config.json", configs(), 1 << 20, ModelConfig::read));
        all.add(new Format("adapter", AdapterFile.TENSORS, adapter, 1500, file -> {
            Files.write(folder.resolve(AdapterFile.CONFIG), settings);
            AdapterFile.read(folder);
        }));
        all.add(new Format("adapter", AdapterFile.CONFIG, settings, 1 << 20, file -> {
            Files.write(folder.resolve(AdapterFile.TENSORS), adapter);
            AdapterFile.read(folder);
        }));
        for (String name : List.of("chat.jsonl", "chat.json")) {
            boolean lines = name.endsWith("l");
            String row = "{\"messages\":[{\"role\":\"user\",\"content\":\"caf\u00e9 \\u00e9\"},"
                    + "{\"role\":\"assistant\",\"content\":\"x\",\"weight\":1,\"tool_calls\":[{\"function\":"
                    + "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1,2.5e3,null,true]}\"}}]}]}";
            String text = lines ? (row + "\n").repeat(4) : "[" + row + "," + row + "]";
            all.add(new Format(
                    "conversations", name, text.getBytes(StandardCharsets.UTF_8), 1 << 20, ChatExample::read));
            all.add(new Format(
                    "JSON corpus",
                    "text-" + name,
                    text.replace("messages", "text").getBytes(StandardCharsets.UTF_8),
                    1 << 20,
                    file -> Corpus.open(file).stream().forEach(d -> {})));
        }
        all.add(new Format(
                "CSV corpus",
                "t.csv",
                "text,label\n\"a, b\",1\nc,2\n\"d\"\"e\",3\n".getBytes(StandardCharsets.UTF_8),
                1 << 20,
                file -> Corpus.open(file).stream().forEach(d -> {})));
        all.add(new Format("Parquet corpus", "t.parquet", parquet(), 1 << 20, file -> Corpus.open(file).stream()
                .forEach(d -> {})));
        Path notebook = Path.of(System.getProperty("tunebook.notebooks", "../notebooks"), "00-setup.ipynb");
        all.add(new Format("notebook", "n.ipynb", Files.readAllBytes(notebook), 1 << 20, file -> {
            for (Notebook.Cell cell : Notebook.read(file).cells()) {
                if (cell.isCode() && !cell.hasTag("skip")) {
                    cell.source();
                }
            }
        }));
        for (String at : List.of("packed/awq", "packed/fp8", "packed/gptq", "packed/nf4", "reference/gpt_oss_mxfp4")) {
            byte[] config = resource(at + "/config.json");
            byte[] weights = resource(at + "/model.safetensors");
            int header =
                    8 + ByteBuffer.wrap(weights).order(ByteOrder.LITTLE_ENDIAN).getInt(0);
            all.add(new Format(
                    "config", "model.json", config, 1 << 20, file -> model(Files.readAllBytes(file), weights)));
            all.add(new Format(
                    "safetensors", "model.st", weights, header, file -> model(config, Files.readAllBytes(file))));
        }
        for (String name : CheckpointFiles.NAMES) {
            byte[] file = CheckpointFiles.content(adapter, settings, name);
            all.add(new Format("checkpoint", name, file, 1500, damaged -> {
                CheckpointFiles.read(
                        folder.resolve("checkpoint"), adapter, settings, name, Files.readAllBytes(damaged));
            }));
        }
        try (InputStream in =
                new GZIPInputStream(ParserFuzz.class.getResourceAsStream("tokenizer/chat_templates.json.gz"))) {
            List<String> templates = new ArrayList<>();
            collect(new ObjectMapper().readTree(in), templates);
            for (int i = 0; i < 4; i++) {
                int quarter = i;
                List<byte[]> some = IntStream.range(0, templates.size())
                        .filter(t -> t % 4 == quarter)
                        .mapToObj(t -> templates.get(t).getBytes(StandardCharsets.UTF_8))
                        .toList();
                all.add(new Format("Jinja", "t.jinja", some, 1 << 20, file -> {
                    String source = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
                    Jinja.parse(source)
                            .render(Map.of(
                                    "messages",
                                    List.of(
                                            Map.of("role", "user", "content", "Hi"),
                                            Map.of("role", "assistant", "content", "Yes")),
                                    "add_generation_prompt",
                                    true,
                                    "bos_token",
                                    "<s>",
                                    "eos_token",
                                    "</s>"));
                }));
            }
        }
        for (String name : StoreFiles.NAMES) {
            all.add(new Format("Ollama's folder", name, StoreFiles.content(name), 1 << 20, file -> {
                StoreFiles.read(folder.resolve("store"), name, Files.readAllBytes(file));
            }));
        }
        return all;
    }

    /** A configuration of each family. */
    private static List<byte[]> configs() throws IOException {
        List<byte[]> all = new ArrayList<>();
        try (Stream<Path> models = Files.list(Path.of("test/resources/io/tunebook/reference"))) {
            for (Path model : models.sorted().toList()) {
                Path config = model.resolve("config.json");
                if (Files.exists(config)) {
                    all.add(Files.readAllBytes(config));
                }
            }
        }
        return all;
    }

    /** Reads all weights of a model in a folder of its own. */
    private void model(byte[] config, byte[] weights) throws IOException {
        Path own = Files.createDirectories(folder.resolve("model"));
        Files.write(own.resolve("config.json"), config);
        Files.write(own.resolve("model.safetensors"), weights);
        try (Weights model = Weights.open(own)) {
            for (Weights.Tensor tensor : model.tensors().values()) {
                model.read(tensor, FloatBuffer.allocate((int) tensor.values()));
            }
        }
    }

    private byte[] parquet() throws IOException {
        Path file = folder.resolve("whole.parquet");
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement sql = duck.createStatement()) {
            sql.execute("COPY (SELECT 'text ' || i AS text, i AS label, [i, 2] AS list FROM range(50) t(i)) TO '"
                    + file.toString().replace("'", "''") + "' (FORMAT parquet)");
            return Files.readAllBytes(file);
        } catch (SQLException failed) {
            throw new IOException(failed);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** The texts of a golden file that are templates. */
    private static void collect(JsonNode node, List<String> templates) {
        if (node.isTextual() && node.asText().contains("{%") && !templates.contains(node.asText())) {
            templates.add(node.asText());
        }
        node.forEach(child -> collect(child, templates));
    }

    private void attempt(Format format) throws IOException {
        Path file = folder.resolve(format.name());
        Files.write(
                file,
                damaged(format.contents().get(random.nextInt(format.contents().size())), format.within()));
        try {
            format.reading().read(file);
            ends(format)[0]++;
            return;
        } catch (TemplateException | GoTemplateException e) {
            refused(e, null);
        } catch (CorpusException | IOException | IllegalArgumentException e) {
            refused(e, file);
        }
        ends(format)[1]++;
    }

    private int[] ends(Format format) {
        return ends.computeIfAbsent(format.kind(), kind -> new int[2]);
    }

    private static void refused(Exception e, Path file) {
        String message = e.getMessage();
        if (message == null
                || message.isBlank()
                || file != null && !message.contains(file.getParent().toString())) {
            throw new IllegalStateException("a message that names no file: " + e, e);
        }
    }

    private byte[] damaged(byte[] content, int within) {
        byte[] bytes = content.clone();
        for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
            int room = Math.min(bytes.length, within);
            if (room == 0) {
                break;
            }
            int at = random.nextInt(room);
            switch (random.nextInt(6)) {
                case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bytes[at] = (byte) random.nextInt(256);
                case 2 ->
                    bytes = spliced(
                            bytes, at, at, PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.UTF_8));
                case 3 -> bytes = spliced(bytes, at, Math.min(bytes.length, at + 1 + random.nextInt(20)), new byte[0]);
                case 4 -> {
                    int from = random.nextInt(room);
                    byte[] copy =
                            Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + 1 + random.nextInt(30)));
                    bytes = spliced(bytes, at, at, copy);
                }
                default -> bytes = random.nextInt(4) == 0 ? Arrays.copyOf(bytes, at) : bytes;
            }
        }
        return bytes;
    }

    private static byte[] spliced(byte[] bytes, int from, int to, byte[] with) {
        byte[] out = new byte[bytes.length - (to - from) + with.length];
        System.arraycopy(bytes, 0, out, 0, from);
        System.arraycopy(with, 0, out, from, with.length);
        System.arraycopy(bytes, to, out, from + with.length, bytes.length - to);
        return out;
    }
}
