package io.tunebook.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.cuda.Nvrtc.KernelCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class KernelCacheTest {
    private static final List<String> HOPPER = List.of("--gpu-architecture=sm_90");

    @TempDir
    Path folder;

    private int compiled;

    private byte[] code(Path in, String text, List<String> options, String version) {
        return new KernelCache(in).code(text, options, version, () -> new byte[] {1, 2, 3, (byte) ++compiled});
    }

    @Test
    void theSecondStartCompilesNothing() {
        Path cache = folder.resolve("tunebook").resolve("cuda");
        assertThat(code(cache, "text", HOPPER, "12.6")).containsExactly(1, 2, 3, 1);
        assertThat(code(cache, "text", HOPPER, "12.6")).containsExactly(1, 2, 3, 1);
        assertThat(compiled).isEqualTo(1);
    }

    @Test
    void anotherTextArchitectureRankOrCompilerIsAnotherFile() {
        code(folder, "text", HOPPER, "12.6");
        code(folder, "other text", HOPPER, "12.6");
        code(folder, "text", List.of("--gpu-architecture=sm_80"), "12.6");
        code(folder, "text", List.of(HOPPER.get(0), "--define-macro=RANK=8"), "12.6");
        code(folder, "text", HOPPER, "12.9");
        assertThat(compiled).isEqualTo(5);
    }

    @Test
    void aDamagedFileIsCompiledAnew() throws IOException {
        code(folder, "text", HOPPER, "12.6");
        Path file;
        try (Stream<Path> files = Files.list(folder)) {
            file = files.findFirst().orElseThrow();
        }
        byte[] whole = Files.readAllBytes(file);
        for (int i = 0; i < whole.length; i++) {
            byte[] flipped = whole.clone();
            flipped[i] ^= 1;
            Files.write(file, flipped);
            assertThat(code(folder, "text", HOPPER, "12.6")[3]).as("byte " + i).isEqualTo((byte) compiled);
            assertThat(compiled).isEqualTo(i + 2);
        }
        Files.write(file, new byte[7]);
        assertThat(code(folder, "text", HOPPER, "12.6")[3]).isEqualTo((byte) (whole.length + 2));
        Files.write(file, new byte[0]);
        assertThat(code(folder, "text", HOPPER, "12.6")[3]).isEqualTo((byte) (whole.length + 3));
    }

    @Test
    void aFolderThatCannotBeCostsNothingButTime() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        assertThat(code(file.resolve("cuda"), "text", HOPPER, "12.6")).hasSize(4);
        assertThat(code(file.resolve("cuda"), "text", HOPPER, "12.6")).hasSize(4);
        assertThat(compiled).isEqualTo(2);
    }
}
