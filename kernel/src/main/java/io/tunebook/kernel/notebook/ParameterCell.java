package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.VarSnippet;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Parameters as papermill has them: behind the cell tagged {@code parameters} stands one tagged {@code
 * injected-parameters} that declares some of its variables again, with other values. It replaces the one of an earlier
 * run.
 *
 * @see <a href="https://papermill.readthedocs.io/en/latest/usage-parameterize.html">papermill, Parameterize</a>
 */
final class ParameterCell {
    private static final String TAG = "parameters";
    private static final String INJECTED = "injected-parameters";
    private static final String IMPORTS =
            "import java.util.*; import java.nio.file.*; import java.time.*; import java.math.*; import java.net.*; import java.io.*;";

    private ParameterCell() {}

    /**
     * Puts the cell into a notebook.
     *
     * @throws IllegalArgumentException if the notebook declares no such parameter, or a value does not fit its type;
     * nothing is changed then
     */
    static void inject(Notebook notebook, Map<String, JsonNode> values) {
        if (values.isEmpty()) {
            return;
        }
        Optional<Notebook.Cell> cell = notebook.cells().stream()
                .filter(c -> c.isCode() && c.hasTag(TAG))
                .findFirst();
        Map<String, String> types = cell.map(c -> declarations(c.source())).orElse(Map.of());
        StringBuilder code = new StringBuilder("// Parameters");
        values.forEach((name, value) -> {
            String type = types.get(name);
            if (type == null) {
                throw new IllegalArgumentException("there is no parameter " + name + ": "
                        + (cell.isEmpty()
                                ? "no cell has the tag " + TAG
                                : "cell " + cell.get().number() + ", tagged " + TAG + ", declares "
                                        + (types.isEmpty() ? "none" : String.join(", ", types.keySet()))));
            } else if (type.equals("var")) {
                throw new IllegalArgumentException("the parameter " + name + " is declared with var and its type is not"
                        + " plain from its value: declare it with a type");
            }
            code.append('\n').append(type).append(' ').append(name).append(" = ");
            try {
                code.append(JavaLiteral.of(type, value)).append(';');
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("the parameter " + name + ": " + e.getMessage(), e);
            }
        });
        ObjectNode node = Notebook.JSON.createObjectNode();
        node.put("cell_type", "code");
        node.set("source", Notebook.lines(code.toString()));
        node.putObject("metadata").putArray("tags").add(INJECTED);
        node.putNull("execution_count").putArray("outputs");
        Optional<Notebook.Cell> earlier =
                notebook.cells().stream().filter(c -> c.hasTag(INJECTED)).findFirst();
        if (earlier.isPresent()) {
            notebook.remove(earlier.get());
        }
        int at = earlier.map(c -> c.number() - 1).orElse(cell.get().number());
        notebook.insert(at, INJECTED, node);
    }

    /**
     * The variables that a cell declares, with their types as Java writes them; {@code var} where only running it would
     * tell.
     */
    static Map<String, String> declarations(String source) {
        Map<String, String> types = new LinkedHashMap<>();
        try (JShell shell = JShell.builder().executionEngine("local").build()) {
            shell.eval(IMPORTS);
            SourceCodeAnalysis analysis = shell.sourceCodeAnalysis();
            for (String rest = source; !rest.isBlank(); ) {
                SourceCodeAnalysis.CompletionInfo info = analysis.analyzeCompletion(rest);
                String piece = info.source() == null ? rest : info.source();
                List<Snippet> snippets = analysis.sourceToSnippets(piece);
                for (Snippet s : snippets) {
                    if (s instanceof VarSnippet v) {
                        types.put(v.name(), v.typeName());
                    } else {
                        untyped(piece).ifPresent(name -> types.put(name, "var"));
                    }
                }
                rest = info.source() == null || info.remaining() == null ? "" : info.remaining();
            }
        }
        return types;
    }

    private static Optional<String> untyped(String piece) {
        var matcher = java.util.regex.Pattern.compile("\\bvar\\s+(\\w+)\\s*=").matcher(piece);
        return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    /**
     * The values that a command line gives for a notebook's parameters, as papermill reads them: from YAML files, then
     * one by one.
     */
    static final class ParameterValues {
        private ParameterValues() {}

        /**
         * Reads them.
         *
         * @param files YAML files, each a map from names to values
         * @param pairs names with their values; they win over the files
         * @throws IOException if a file cannot be read
         * @throws IllegalArgumentException if it is no map in YAML
         */
        static Map<String, JsonNode> read(List<String> files, List<List<String>> pairs) throws IOException {
            Map<String, JsonNode> all = new LinkedHashMap<>();
            for (String file : files) {
                String text = Files.readString(Path.of(file), StandardCharsets.UTF_8);
                JsonNode values;
                try {
                    values = yaml(text);
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
                }
                if (values.isNull()) {
                    continue; // an empty file
                } else if (!values.isObject()) {
                    throw new IllegalArgumentException(
                            file + ": expected a map from names to values, found " + values.getNodeType());
                }
                values.fields().forEachRemaining(e -> all.put(e.getKey(), e.getValue()));
            }
            for (List<String> pair : pairs) {
                all.put(pair.get(0), Notebook.JSON.getNodeFactory().textNode(pair.get(1)));
            }
            return all;
        }

        /**
         * A YAML document.
         *
         * @throws IllegalArgumentException if it is none
         */
        static JsonNode yaml(String text) {
            try {
                Object value = new Load(LoadSettings.builder().build()).loadFromString(text);
                return Notebook.JSON.valueToTree(value);
            } catch (YamlEngineException e) {
                throw new IllegalArgumentException(
                        "expected YAML: " + e.getMessage().strip(), e);
            }
        }
    }
}
