package io.tunebook.kernel.install;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The installed kernel under Jupyter's own programs; each script is a unittest of Python's and says what it expects. */
class JupyterProgramsIT {
    @TempDir
    Path scratch;

    @ParameterizedTest
    @ValueSource(strings = {"jupyter_kernel_test_suite.py", "nbclient_test.py", "console_test.py"})
    void passes(String script) throws Exception {
        String python = InstalledKernel.python();
        Path file = Path.of("src", "test", "python", script).toAbsolutePath();
        InstalledKernel.Ended ended =
                InstalledKernel.run(scratch, InstalledKernel.environment(scratch), List.of(python, file.toString()));
        System.out.println(ended.output());
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(ended.output()).doesNotContain("skipped");
    }
}
