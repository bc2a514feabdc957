package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The decoder's text is Python, to Python itself and to its formatter, and what the loader makes of it has no import
 * and no name of Python's left.
 */
class PythonTextTest {
    private static final Path RESOURCES = Path.of("main/resources/io/tunebook");

    @TempDir
    Path temp;

    private static List<String> files() throws Exception {
        Path root = Files.isDirectory(RESOURCES) ? RESOURCES : Path.of("src").resolve(RESOURCES);
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(f -> f.toString().endsWith(".py"))
                    .map(f -> f.toAbsolutePath().toString())
                    .sorted()
                    .toList();
        }
    }

    @Test
    void compiles() throws Exception {
        List<String> command = new ArrayList<>(List.of("-m", "py_compile"));
        command.addAll(files());
        assertThat(files()).hasSizeGreaterThan(10);
        assertThat(python(command)).isEmpty();
    }

    @Test
    void isFormatted() throws Exception {
        assumeTrue(python(List.of("-m", "ruff", "--version")).startsWith("ruff"), "skipped: this Python has no ruff");
        List<String> command = new ArrayList<>(
                List.of("-m", "ruff", "format", "--isolated", "--no-cache", "--check", "--line-length", "120"));
        command.addAll(files());
        assertThat(python(command)).contains("already formatted").doesNotContain("Would reformat");
    }

    /** A name that is not defined or imported: TorchScript would find it among the methods, Python would not. */
    @Test
    void hasNoUndefinedNames() throws Exception {
        assumeTrue(python(List.of("-m", "ruff", "--version")).startsWith("ruff"), "skipped: this Python has no ruff");
        List<String> command =
                new ArrayList<>(List.of("-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F"));
        command.addAll(files());
        assertThat(python(command)).contains("All checks passed");
    }

    /**
     * TorchScript gives {@code and} the rank of {@code or}, lets {@code ~} reach over a comparison, and does not chain
     * comparisons (torch/csrc/jit/frontend/lexer.cpp): where that matters, parentheses stand, so that both read the
     * same.
     */
    @Test
    void meansTheSameToTorchScript() throws Exception {
        Path probe = temp.resolve("probe.py");
        Files.writeString(probe, """
                a = x or (y and z)
                b = x and y or z
                c = x or y and z
                d = 1 < x < 2
                e = x & ~y
                """);
        assertThat(readOtherwise(List.of(probe.toString())))
                .containsExactly("probe.py:3: x or y and z", "probe.py:4: 1 < x < 2", "probe.py:5: x & ~y");
        assertThat(readOtherwise(files())).isEmpty();
    }

    /** Expressions that Python and TorchScript read differently, each as {@code file:line: text}. */
    private List<String> readOtherwise(List<String> sources) throws Exception {
        Path script = temp.resolve("read_otherwise.py");
        Files.writeString(script, """
                import ast, os, sys

                def bare(text, node):  # without parentheses of its own
                    line = text.split("\\n")[node.lineno - 1][: node.col_offset].rstrip()
                    return not line.endswith("(") if line else False

                def otherwise(text, node):
                    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
                        return any(isinstance(v, ast.BoolOp) and bare(text, v) for v in node.values[1:])
                    if isinstance(node, ast.BinOp):
                        sides = (node.left, node.right)
                        return any(isinstance(v, ast.UnaryOp) and isinstance(v.op, ast.Invert) and bare(text, v) for v in sides)
                    return isinstance(node, ast.Compare) and len(node.ops) > 1

                for name in sys.argv[1:]:
                    with open(name, encoding="utf-8") as f:
                        text = f.read()
                    for node in ast.walk(ast.parse(text)):
                        if otherwise(text, node):
                            print(f"{os.path.basename(name)}:{node.lineno}: {ast.get_source_segment(text, node)}")
                """);
        List<String> command = new ArrayList<>(List.of(script.toString()));
        command.addAll(sources);
        return python(command).lines().sorted().toList();
    }

    @Test
    void laterFunctionsTakeThePlacesOfEarlierOnes() throws Exception {
        ScriptText plain = ScriptText.of(
                "Decoder",
                DecoderScript.class,
                List.of("norm.py", "records.py", "layer.py", "decoder.py", "module.py"));
        assertThat(plain.code())
                .contains("def rms_norm(self, x: Tensor")
                .doesNotContain("import", "FLOAT32", "ops.tunebook");
        assertThat(plain.attributes())
                .containsEntry("layers", "List[__torch__.Layer]")
                .containsEntry("model", "Optional[__torch__.Model]")
                .containsEntry("cudnn", "bool");
        ScriptText fused = ScriptText.of(
                "Decoder",
                DecoderScript.class,
                List.of("norm.py", "records.py", "layer.py", "decoder.py", "module.py", "kernels.py"));
        assertThat(fused.code()).containsOnlyOnce("def rms_norm(").contains("ops.tunebook.rms_norm(x, w, h, t");
        assertThat(fused.code()).contains("self.normed(x, layer.norms.attention, config.eps)");
    }

    private String python(List<String> arguments) throws Exception {
        String python = System.getenv("TUNEBOOK_PYTHON");
        assumeTrue(python != null, "skipped: TUNEBOOK_PYTHON names no Python");
        List<String> command = new ArrayList<>(List.of(python));
        command.addAll(arguments);
        ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
        process.environment().put("PYTHONPYCACHEPREFIX", temp.toString()); // nothing is left beside the sources
        Process running = process.start();
        String output = new String(running.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        running.waitFor();
        return output;
    }
}
