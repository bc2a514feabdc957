package io.tunebook.model;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Files of Python with PyTorch, made one module that TorchScript's importer takes. The importer knows no modules of
 * Python's, so imports are left out and each function becomes a method of the module's class; a function of a later
 * file takes the place of an earlier one of its name. It has no values for the types of tensors, so their numbers are
 * put in ({@code c10/core/ScalarType.h}). Named tuples are classes beside the module.
 *
 * @param code the text of {@code code/__torch__.py}
 * @param attributes the module's attributes and their types
 */
record ScriptText(String code, Map<String, String> attributes) {
    private static final Pattern IMPORT = Pattern.compile("(?:from|import) .*");
    private static final Pattern DEFINITION = Pattern.compile("(class|def) (\\w+).*");
    private static final Pattern PARAMETERS = Pattern.compile("^def \\w+\\((\\))?");
    private static final Pattern ATTRIBUTE = Pattern.compile("    (\\w+): ([\\w\\[\\], ]+?) *(?:#.*)?");
    private static final Map<String, String> TYPES = Map.ofEntries(
            Map.entry("Dtype", "int"),
            Map.entry("UINT8", "0"),
            Map.entry("INT8", "1"),
            Map.entry("INT32", "3"),
            Map.entry("INT64", "4"),
            Map.entry("FLOAT16", "5"),
            Map.entry("FLOAT32", "6"),
            Map.entry("FLOAT64", "7"),
            Map.entry("BOOL", "11"),
            Map.entry("BFLOAT16", "15"),
            Map.entry("FLOAT8", "24"));

    /** What a file defines at its left margin, in its order. */
    private record Definition(boolean function, String name, List<String> lines) {
        String text() {
            return String.join("\n", lines).stripTrailing() + "\n";
        }
    }

    /**
     * Puts files together.
     *
     * @param name of the module's class; where no file has it, it gets no attributes
     * @param near the class beside which the files lie
     */
    static ScriptText of(String name, Class<?> near, Collection<String> files) throws IOException {
        Map<String, String> records = new LinkedHashMap<>();
        Map<String, String> functions = new LinkedHashMap<>();
        List<String> module = List.of();
        for (String file : files) {
            for (Definition d : definitions(read(near, file))) {
                if (d.function) {
                    Matcher parameters = PARAMETERS.matcher(d.text());
                    functions.put(
                            d.name,
                            parameters.replaceFirst(m -> m.group().endsWith(")")
                                    ? "def " + d.name + "(self)"
                                    : "def " + d.name + "(self, "));
                } else if (d.name.equals(name)) {
                    module = d.lines.subList(1, d.lines.size());
                } else {
                    records.put(d.name, d.text());
                }
            }
        }
        Names names = new Names(functions.keySet(), records.keySet());
        StringBuilder code = new StringBuilder();
        records.values().forEach(r -> code.append(names.resolve(r)).append('\n'));
        code.append("class ").append(name).append("(Module):\n");
        code.append("    __parameters__ = []\n    __buffers__ = []\n    training : bool\n");
        code.append(names.resolve(String.join("\n", module))).append('\n');
        functions.values().forEach(f -> code.append(names.resolve(f).indent(4)).append('\n'));
        Map<String, String> attributes = new LinkedHashMap<>();
        for (String line : module) {
            Matcher attribute = ATTRIBUTE.matcher(line);
            if (attribute.matches()) {
                attributes.put(attribute.group(1), names.resolve(attribute.group(2)));
            }
        }
        return new ScriptText(code.toString(), attributes);
    }

    /** A resource beside a class, in UTF-8. */
    static String read(Class<?> near, String resource) throws IOException {
        try (InputStream in = near.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalArgumentException("no resource " + resource + " beside " + near.getName());
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static List<Definition> definitions(String text) {
        List<Definition> all = new ArrayList<>();
        Definition current = null;
        boolean importing = false;
        for (String line : text.lines().toList()) {
            if (importing) {
                importing = !line.startsWith(")");
                continue;
            }
            Matcher definition = DEFINITION.matcher(line);
            if (definition.matches()) {
                current = new Definition(definition.group(1).equals("def"), definition.group(2), new ArrayList<>());
                all.add(current);
            } else if (IMPORT.matcher(line).matches()) {
                importing = line.stripTrailing().endsWith("(");
                current = null;
            } else if (line.startsWith("#")) {
                current = null; // it belongs to what follows
            }
            if (current != null) {
                current.lines.add(line);
            }
        }
        return all;
    }

    /** How the names of one file's definitions are written where another one's are found only through the module. */
    private record Names(Pattern calls, Pattern records, Pattern types) {
        Names(Collection<String> functions, Collection<String> records) {
            this(
                    Pattern.compile("(?<![\\w.])(?<!def )(" + alternatives(functions) + ")\\("),
                    Pattern.compile("(?<![\\w.])(?<!class )(" + alternatives(records) + ")\\b"),
                    Pattern.compile("(?<![\\w.])(" + alternatives(TYPES.keySet()) + ")\\b"));
        }

        private static String alternatives(Collection<String> names) {
            return names.isEmpty() ? "(?!)" : String.join("|", names);
        }

        String resolve(String text) {
            String called = calls.matcher(text).replaceAll("self.$1(");
            String typed = records.matcher(called).replaceAll("__torch__.$1");
            return types.matcher(typed).replaceAll(m -> TYPES.get(m.group(1)));
        }
    }
}
