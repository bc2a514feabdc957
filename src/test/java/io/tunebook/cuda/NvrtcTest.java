package io.tunebook.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The kernels compile for every architecture that they are for, which needs NVIDIA's compiler but no card. Its folder is named by {@code
 * TUNEBOOK_NVRTC}, as {@code Lab.java test} does.
 */
final class NvrtcTest {
    private static final String PATH = "jna.library.path";

    private static String before;

    @BeforeAll
    static void findTheCompiler() {
        Engine.getInstance();
        before = System.getProperty(PATH);
        folder().ifPresent(f -> System.setProperty(PATH, f.toString()));
        Optional<String> missing = ForeignFunction.NVRTC_VERSION.missing();
        assumeThat(missing)
                .as("NVRTC is not here: Lab.java test fetches it, and TUNEBOOK_NVRTC names its folder")
                .isEmpty();
    }

    @AfterAll
    static void leaveNoTrace() {
        if (before == null) {
            System.clearProperty(PATH);
        } else {
            System.setProperty(PATH, before);
        }
    }

    private static Optional<Path> folder() {
        return Optional.ofNullable(System.getenv("TUNEBOOK_NVRTC")).map(Path::of);
    }

    @ParameterizedTest
    @ValueSource(strings = {"75", "80", "86", "89", "90", "100", "120"})
    void compilesFor(String architecture) {
        String text = KernelText.ours().text();
        String option = "--gpu-architecture=sm_" + architecture;
        elf(Nvrtc.compile(text, List.of(option)));
        if (!architecture.equals("75")) {
            for (int rank : new int[] {8, 16, 32}) {
                elf(Nvrtc.compile(text, List.of(option, "--define-macro=RANK=" + rank)));
            }
        }
    }

    /** A cubin is an ELF file for NVIDIA's machine, number 190. */
    private static void elf(byte[] code) {
        assertThat(code).startsWith(0x7f, 'E', 'L', 'F');
        assertThat(code[18] & 0xff).isEqualTo(190);
    }

    @Test
    void aFaultIsToldInTheCompilersWords() {
        assertThatThrownBy(() -> Nvrtc.compile("__global__ void f() { oops; }", List.of("--gpu-architecture=sm_80")))
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("--gpu-architecture=sm_80")
                .hasMessageContaining("\"oops\" is undefined");
    }

    @Test
    void itTellsItsVersion() {
        assertThat(Nvrtc.version()).matches("1[1-9]\\.\\d+");
    }
}
