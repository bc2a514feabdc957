package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.core.util.Separators.Spacing;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.launch.JvmOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A notebook file of format 4. What is written is what Jupyter itself writes: sorted keys, an indent of one, long texts
 * as lists of lines.
 *
 * @see <a href="https://nbformat.readthedocs.io/en/stable/format_description.html">The notebook file format</a>
 */
public final class Notebook {
    private static final Separators SEPARATORS = Separators.createDefaultInstance()
            .withObjectFieldValueSpacing(Spacing.AFTER)
            .withArrayEmptySeparator("")
            .withObjectEmptySeparator("");
    private static final DefaultIndenter INDENT = new DefaultIndenter(" ", "\n");
    /** A cell may have printed a line of any length, and what was written must be read again. */
    private static final StreamReadConstraints ANY_LENGTH =
            StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build();

    static final JsonMapper JSON = JsonMapper.builder(
                    JsonFactory.builder().streamReadConstraints(ANY_LENGTH).build())
            .enable(JsonNodeFeature.WRITE_PROPERTIES_SORTED)
            .defaultPrettyPrinter(new DefaultPrettyPrinter(SEPARATORS)
                    .withObjectIndenter(INDENT)
                    .withArrayIndenter(INDENT))
            .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)
            .build();

    private final ObjectNode root;
    private final List<Cell> cells;

    private Notebook(ObjectNode root, List<Cell> cells) {
        this.root = root;
        this.cells = cells;
    }

    /**
     * Reads a notebook.
     *
     * @throws IOException if the file cannot be read or is no notebook of format 4; the message says where
     */
    public static Notebook read(Path file) throws IOException {
        JsonNode root;
        try {
            root = JSON.readTree(Files.readString(file, StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation(); // none for what breaks one of Jackson's limits
            String where = at == null ? "" : " in line " + at.getLineNr() + ", column " + at.getColumnNr();
            throw new IOException(file + ": expected JSON, found" + where + ": " + e.getOriginalMessage(), e);
        } catch (java.nio.charset.CharacterCodingException e) {
            throw new IOException(file + ": expected UTF-8: " + e.getMessage(), e);
        }
        if (root.path("nbformat").asInt() != 4 || !(root.path("cells") instanceof ArrayNode all)) {
            throw new IOException(file + ": expected a notebook of format 4 with \"cells\", found "
                    + (root.has("nbformat") ? "format " + root.path("nbformat") : "no \"nbformat\"")
                    + ". Open and save it in JupyterLab, which converts older ones.");
        }
        List<Cell> cells = new ArrayList<>();
        for (JsonNode cell : all) {
            if (!(cell instanceof ObjectNode node)) {
                throw new IOException(file + ": expected an object as cell " + (cells.size() + 1) + ", found " + cell);
            }
            cells.add(new Cell(cells.size() + 1, node));
        }
        return new Notebook((ObjectNode) root, cells);
    }

    /** All cells in order. */
    public List<Cell> cells() {
        return List.copyOf(cells);
    }

    /**
     * The options of the JVM that the notebook's metadata ask for, in {@code tunebook.jvm_options}: a list of words, or
     * one text as behind {@code %%jvm}.
     *
     * @throws IllegalArgumentException if there is something else
     */
    Optional<JvmOptions> jvmOptions() {
        JsonNode asked = root.path("metadata").path("tunebook").path("jvm_options");
        if (asked.isMissingNode()) {
            return Optional.empty();
        }
        try {
            if (asked.isTextual()) {
                return Optional.of(JvmOptions.parse(asked.asText()));
            }
            List<String> words = new ArrayList<>();
            for (JsonNode word : asked) {
                if (!word.isTextual()) {
                    throw new IllegalArgumentException("expected a list of words, found " + asked);
                }
                words.add('"' + word.asText() + '"');
            }
            return Optional.of(JvmOptions.parse(String.join(" ", words)));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("metadata.tunebook.jvm_options: " + e.getMessage(), e);
        }
    }

    /** Takes a cell out. */
    void remove(Cell cell) {
        ((ArrayNode) root.path("cells")).remove(cell.number() - 1);
        number();
    }

    /**
     * Puts a cell in.
     *
     * @param at its place, from 0
     * @param id for formats that have ids
     */
    void insert(int at, String id, ObjectNode cell) {
        if (root.path("nbformat_minor").asInt() >= 5) {
            cell.put("id", id);
        }
        ((ArrayNode) root.path("cells")).insert(at, cell);
        number();
    }

    private void number() {
        cells.clear();
        root.path("cells").forEach(node -> cells.add(new Cell(cells.size() + 1, (ObjectNode) node)));
    }

    /** The language of its kernel in lower case, or the empty string if the notebook does not say. */
    public String language() {
        JsonNode metadata = root.path("metadata");
        String language = metadata.path("kernelspec").path("language").asText("");
        return (language.isEmpty() ? metadata.path("language_info").path("name").asText("") : language)
                .toLowerCase(java.util.Locale.ROOT);
    }

    /** The notebook's own metadata; changes are written. */
    public ObjectNode metadata() {
        return root.withObject("/metadata");
    }

    /** Writes beside the file and moves it into its place, so that nobody ever meets half a notebook. */
    public void write(Path file) throws IOException {
        AtomicWrite.text(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
    }

    /**
     * One cell.
     *
     * @param number its place among all cells, from 1
     */
    public record Cell(int number, ObjectNode node) {
        /** Its id, or the empty string in files older than format 4.5. */
        public String id() {
            return node.path("id").asText("");
        }

        public boolean isCode() {
            return node.path("cell_type").asText().equals("code");
        }

        public String source() {
            return joined(node.path("source"));
        }

        public boolean hasTag(String tag) {
            for (JsonNode t : node.path("metadata").path("tags")) {
                if (t.asText().equals(tag)) {
                    return true;
                }
            }
            return false;
        }

        JsonNode metadata() {
            return node.path("metadata");
        }

        /** Its outputs as text, errors left out: what stood under the cell for those who see only a log. */
        String shown() {
            StringBuilder text = new StringBuilder();
            for (JsonNode output : node.path("outputs")) {
                if (!output.path("output_type").asText().equals("error")) {
                    String shown = joined(
                            output.has("text")
                                    ? output.path("text")
                                    : output.path("data").path(MimeBundle.TEXT));
                    text.append(shown).append(shown.endsWith("\n") ? "" : "\n");
                }
            }
            return text.toString();
        }

        /** Forgets what an earlier run left. */
        void reset() {
            node.putNull("execution_count");
            node.putArray("outputs");
        }
    }

    /** A multi-line string, which files hold as one text or as a list of lines. */
    static String joined(JsonNode text) {
        if (!text.isArray()) {
            return text.asText("");
        }
        StringBuilder all = new StringBuilder();
        text.forEach(line -> all.append(line.asText()));
        return all.toString();
    }

    /** The same as a list of lines, each with its end. */
    static ArrayNode lines(String text) {
        ArrayNode lines = JSON.createArrayNode();
        for (int from = 0; from < text.length(); ) {
            int end = text.indexOf('\n', from);
            int to = end < 0 ? text.length() : end + 1;
            lines.add(text.substring(from, to));
            from = to;
        }
        return lines;
    }
}
