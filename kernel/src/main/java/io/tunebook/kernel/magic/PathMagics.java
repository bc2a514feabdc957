package io.tunebook.kernel.magic;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.ClassPath;
import io.tunebook.kernel.eval.Source;
import io.tunebook.kernel.files.PlainJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The class path, and files of code. */
final class PathMagics {
    /** What IJava tries behind a name without an extension, in this order. */
    private static final List<String> EXTENSIONS = List.of("", ".ipynb", ".jsh", ".jshell", ".java");

    private final CellEvaluator evaluator;
    private final Magics magics;
    private final Shell shell;

    PathMagics(CellEvaluator evaluator, Magics magics, Shell shell) {
        this.evaluator = evaluator;
        this.magics = magics;
        this.shell = shell;
    }

    List<Magic> all() {
        List<Magic> all = new ArrayList<>();
        all.add(new Magic(
                "%classpath",
                "PATH ...", "Adds jars and folders to the class path.", (a, rest, body) -> addAll(a, false)));
        for (String name : List.of("%jars", "%jar")) { // IJava's and Rapaio's
            all.add(new Magic(
                    name,
                    "PATTERN ...",
                    "Adds all jars that a pattern such as lib/*.jar matches.",
                    (a, rest, body) ->
                            addAll(a.stream().filter(w -> !w.equals("/add")).toList(), true)));
        }
        all.add(new Magic(
                "%load",
                "FILE ...",
                "Runs .java, .jsh, .jshell and .ipynb files as if their text stood here.",
                (a, rest, body) -> load(a)));
        return all;
    }

    private Object addAll(List<String> paths, boolean jarsOnly) throws IOException {
        if (paths.isEmpty()) {
            throw new IllegalArgumentException("expected a path, found nothing");
        }
        List<String> added = new ArrayList<>();
        for (String path : paths) {
            List<Path> found = ClassPath.files(shell.file(path).toString());
            if (found.isEmpty()) {
                throw new IllegalArgumentException("no file matches " + path + " (in " + shell.folder() + ")");
            }
            found.stream()
                    .filter(p -> !jarsOnly || p.toString().endsWith(".jar") && ClassPath.isLibrary(p))
                    .forEach(p -> added.add(p.toAbsolutePath().normalize().toString()));
        }
        added.forEach(evaluator::addToClassPath);
        return added;
    }

    private Object load(List<String> files) throws Exception {
        if (files.isEmpty()) {
            throw new IllegalArgumentException("expected a file, found nothing");
        }
        Object last = null;
        for (String name : files) {
            Path file = EXTENSIONS.stream()
                    .map(e -> shell.file(name + e))
                    .filter(Files::isRegularFile)
                    .findFirst()
                    .orElseThrow(() -> new NoSuchFileException("there is no file " + shell.file(name)
                            + ", with or without .ipynb, .jsh, .jshell or .java"));
            String text = Files.readString(file, StandardCharsets.UTF_8);
            String known = file.getFileName().toString();
            if (known.endsWith(".ipynb")) {
                int number = 0;
                for (String code : cells(text)) {
                    number++;
                    last = magics.execute(new Source(known + "[" + number + "]", code))
                            .orElse(null);
                }
            } else {
                String code = text.replaceAll("(?m)^/(open|exit|set)\\b.*$", "");
                last = magics.execute(new Source(known, code)).orElse(null);
            }
        }
        return last;
    }

    private static List<String> cells(String notebook) throws IOException {
        List<String> code = new ArrayList<>();
        for (JsonNode cell : PlainJson.mapper().readTree(notebook).path("cells")) {
            if (cell.path("cell_type").asText().equals("code")) {
                StringBuilder source = new StringBuilder();
                JsonNode lines = cell.path("source");
                (lines.isArray() ? lines : List.of(lines)).forEach(l -> source.append(l.asText()));
                code.add(source.toString());
            }
        }
        return code;
    }

    /** Files and folders that begin so, as the word would then read. */
    static List<String> files(Shell shell, String typed) {
        int slash = typed.lastIndexOf('/') + 1;
        String prefix = typed.substring(slash);
        Path folder = shell.file(typed.substring(0, slash));
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName() + (Files.isDirectory(f) ? "/" : ""))
                    .filter(n -> n.startsWith(prefix) && (prefix.startsWith(".") || !n.startsWith(".")))
                    .sorted()
                    .map(n -> typed.substring(0, slash) + n)
                    .toList();
        } catch (IOException | RuntimeException e) {
            return List.of(); // no such folder: nothing to offer
        }
    }
}
