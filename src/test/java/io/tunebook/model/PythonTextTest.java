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

/** The decoder's text is Python, to Python itself and to its formatter, and what the loader makes of it has no import and no name of Python's left. */
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
