package io.tunebook.kernel.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The options that a cell asks for. */
class JvmOptionsTest {
    @Test
    void standBehindTheNameOrBelowIt() {
        assertThat(JvmOptions.ofCell("%%jvm -Xmx4g -ea\n").orElseThrow().options())
                .containsExactly("-Xmx4g", "-ea");
        String below = "\n%%jvm\n# more memory\n-Xmx4g\n// for the vectors\n--add-modules jdk.incubator.vector\n"
                + "\"-Dname=two words\"";
        assertThat(JvmOptions.ofCell(below).orElseThrow().options())
                .containsExactly("-Xmx4g", "--add-modules=jdk.incubator.vector", "-Dname=two words");
        assertThat(JvmOptions.ofCell("int x = 1;")).isEmpty();
        assertThat(JvmOptions.ofCell("%%jvmx -Xmx4g")).isEmpty();
    }

    @Test
    void whatIsNoOptionIsRefused() {
        assertThatThrownBy(() -> JvmOptions.parse("4g"))
                .hasMessageContaining("-Xmx4g")
                .hasMessageContaining("4g");
        assertThatThrownBy(() -> JvmOptions.parse(" \n")).hasMessageContaining("nothing");
        assertThatThrownBy(() -> JvmOptions.parse("-cp a.jar")).hasMessageContaining("%classpath");
    }

    @Test
    void theCompilerGetsItsOwn() {
        String release = String.valueOf(Runtime.version().feature());
        JvmOptions options = JvmOptions.parse(
                "-Xmx1g --enable-preview --add-exports java.base/sun.net=ALL-UNNAMED --add-opens a/b=c");
        assertThat(options.compilerOptions(List.of("-parameters")))
                .containsExactly(
                        "-parameters",
                        "--enable-preview",
                        "--source",
                        release,
                        "--add-exports=java.base/sun.net=ALL-UNNAMED");
        assertThat(options.compilerOptions(List.of("--enable-preview", "--source", release)))
                .containsExactly(
                        "--enable-preview", "--source", release, "--add-exports=java.base/sun.net=ALL-UNNAMED");
    }
}
