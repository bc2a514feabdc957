package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** The values that a command line gives for a notebook's parameters, as papermill reads them: from YAML files, then one by one. */
final class ParameterValues {
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
