package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.notebook.OutputCheck.SanitizeRule;
import io.tunebook.kernel.notebook.ParameterCell.ParameterValues;
import io.tunebook.kernel.options.CommandLine;
import io.tunebook.kernel.options.CommandLine.Option;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the command {@code run} was told.
 *
 * @param notebooks in the order in which they run
 * @param out the folder of the executed notebooks
 * @param seconds the limit of a cell, 0 for none
 * @param parameters the values for the cell tagged {@code parameters}
 * @param check how outputs are compared with the stored ones, or empty if they are not
 */
record RunOptions(
        List<Path> notebooks,
        Optional<Path> out,
        double seconds,
        Optional<Path> junit,
        String classPath,
        List<String> jvmOptions,
        int jobs,
        boolean html,
        Map<String, JsonNode> parameters,
        Optional<OutputCheck> check) {
    private static final List<Option> OPTIONS = List.of(
            Option.of("--out DIR", "where the executed notebooks go; without it each replaces its source"),
            Option.of("-p, --parameter NAME VALUE", "a value for the cell tagged parameters; may be repeated"),
            Option.of("-f, --parameters-file FILE", "the same from a YAML file; may be repeated"),
            Option.of("--check", "compare outputs with the stored ones as nbval does; sources stay as they are"),
            Option.of("--check-kinds", "the same, but only which kinds of output there are"),
            Option.of("--sanitize-with FILE", "nbval's rules, applied to both before they are compared"),
            Option.of("--tolerance X", "numbers that differ by this part of them are equal, such as 1e-3"),
            Option.of("--timeout SECONDS", "limit for a cell; a cell's or notebook's execution.timeout wins"),
            Option.of("--jobs N", "so many notebooks at a time; default: 1"),
            Option.of("--html", "write an HTML page beside each executed notebook"),
            Option.of("--junit FILE", "write a JUnit report"),
            Option.of("--class-path PATH", "jars and folders for the notebooks; DIR/* stands for all jars of DIR"),
            Option.of("--jvm-option OPT", "an option of the notebooks' JVMs, such as -Xmx2g; may be repeated"),
            Option.of("-h, --help", "this text"));

    static final String USAGE = """
            Usage: java -jar tunebook-kernel.jar run [OPTION ...] NOTEBOOK ...

            Executes notebooks, each in a fresh JVM whose folder is the notebook's. A folder stands for its notebooks.

            """ + Option.help(OPTIONS) + """

            Tags of cells: skip-execution, and raises-exception for cells that must fail; for --check also
            nbval-ignore-output, nbval-check-output, nbval-raises-exception and nbval-skip, or // NBVAL_… in a cell;
            check-tolerance-0.1 is --tolerance for one cell, and check-words lets its numbers be any.
            Exit status: 0 at least one cell ran and all passed, 1 a cell failed, timed out or showed something else,
            2 bad usage, an unreadable notebook, no cell to run or a dead kernel.
            """;

    /** Whether somebody only wants to know what the command can do. */
    static boolean help(List<String> words) {
        return words.contains("--help") || words.contains("-h");
    }

    /**
     * Reads the command line.
     *
     * @throws IllegalArgumentException if it does not make sense
     * @throws IOException if a file that it names cannot be read
     */
    static RunOptions read(List<String> words) throws IOException {
        CommandLine line = CommandLine.read(OPTIONS, words);
        List<Path> notebooks = new ArrayList<>();
        for (String operand : line.operands()) {
            notebooks.addAll(notebooks(Path.of(operand)));
        }
        if (notebooks.isEmpty()) {
            throw new IllegalArgumentException("expected a notebook, found none");
        }
        RunOptions options = new RunOptions(
                notebooks,
                line.value("--out").map(Path::of),
                number("--timeout", line.value("--timeout").orElse("0"), "seconds, 0 for none"),
                line.value("--junit").map(Path::of),
                Launch.absolute(line.value("--class-path").orElse("")),
                line.all("--jvm-option"),
                jobs(line.value("--jobs").orElse("1")),
                line.has("--html"),
                ParameterValues.read(line.all("--parameters-file"), line.groups("--parameter")),
                check(line));
        options.requireTargets();
        return options;
    }

    private static List<Path> notebooks(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return List.of(path);
        }
        try (Stream<Path> files = Files.list(path)) {
            return files.filter(p -> p.toString().endsWith(".ipynb")).sorted().toList();
        }
    }

    private static Optional<OutputCheck> check(CommandLine line) throws IOException {
        boolean kinds = line.has("--check-kinds");
        boolean checks = kinds || line.has("--check");
        for (String needsCheck : List.of("--sanitize-with", "--tolerance")) {
            if (!checks && line.has(needsCheck)) {
                throw new IllegalArgumentException(needsCheck + " belongs to --check");
            }
        }
        List<SanitizeRule> rules = new ArrayList<>();
        for (String file : line.all("--sanitize-with")) {
            rules.addAll(SanitizeRule.read(Path.of(file)));
        }
        double tolerance =
                number("--tolerance", line.value("--tolerance").orElse("0"), "a number such as 1e-3, 0 for none");
        return checks ? Optional.of(new OutputCheck(kinds, rules, tolerance)) : Optional.empty();
    }

    private static double number(String option, String value, String expected) {
        try {
            double number = Double.parseDouble(value);
            if (number >= 0 && number < Double.POSITIVE_INFINITY) {
                return number;
            }
        } catch (NumberFormatException e) {
            // falls through to the one message
        }
        throw new IllegalArgumentException(option + ": expected " + expected + ", found " + value);
    }

    private static int jobs(String value) {
        if (!value.matches("[1-9]\\d{0,3}")) {
            throw new IllegalArgumentException("--jobs: expected a number from 1, found " + value);
        }
        return Integer.parseInt(value);
    }

    private void requireTargets() {
        if (!parameters.isEmpty() && out.isEmpty() && check.isEmpty()) {
            throw new IllegalArgumentException("parameters need --out DIR, so that the sources keep their own values");
        }
        if (html && !writes()) {
            throw new IllegalArgumentException("--html needs --out DIR where outputs are only checked");
        }
        Map<Path, Path> sources = new LinkedHashMap<>();
        for (Path notebook : notebooks) {
            Path other = sources.put(target(notebook), notebook);
            if (other != null) {
                throw new IllegalArgumentException(
                        other + " and " + notebook + " would both be written to " + target(notebook));
            }
        }
    }

    /** Whether executed notebooks stay: a check without a folder for them changes nothing. */
    boolean writes() {
        return out.isPresent() || check.isEmpty();
    }

    /** Where the executed notebook goes. */
    Path target(Path notebook) {
        return out.map(folder -> folder.resolve(notebook.getFileName()))
                .orElse(notebook)
                .toAbsolutePath()
                .normalize();
    }
}
