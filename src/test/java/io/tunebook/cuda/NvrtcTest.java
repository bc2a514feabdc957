package io.tunebook.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The kernels compile for every architecture that they are for, which needs NVIDIA's compiler but no card. It is looked for in the folder that {@code
 * TUNEBOOK_NVRTC} names, then in the tests' Python, where {@code pip install nvidia-cuda-nvrtc-cu12} puts it.
 */
final class NvrtcTest {
    private static final String PATH = "jna.library.path";

    private static String before;

    @BeforeAll
    static void findTheCompiler() throws IOException {
        Engine.getInstance();
        before = System.getProperty(PATH);
        folder().ifPresent(f -> System.setProperty(PATH, f.toString()));
        Optional<String> missing = ForeignFunction.NVRTC_VERSION.missing();
        assumeThat(missing)
                .as(
                        "NVRTC is not here: pip install nvidia-cuda-nvrtc-cu12 in the tests' Python, or name its folder in TUNEBOOK_NVRTC")
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

    private static Optional<Path> folder() throws IOException {
        List<Path> folders = new ArrayList<>();
        if (System.getenv("TUNEBOOK_NVRTC") != null) {
            folders.add(Path.of(System.getenv("TUNEBOOK_NVRTC")));
        }
        if (System.getenv("TUNEBOOK_PYTHON") != null) {
            Path library = Path.of(System.getenv("TUNEBOOK_PYTHON"))
                    .resolveSibling("../lib")
                    .normalize();
            if (Files.isDirectory(library)) {
                try (Stream<Path> pythons = Files.list(library)) {
                    pythons.map(p -> p.resolve("site-packages/nvidia/cuda_nvrtc/lib"))
                            .forEach(folders::add);
                }
            }
        }
        return folders.stream().filter(Files::isDirectory).findFirst();
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
