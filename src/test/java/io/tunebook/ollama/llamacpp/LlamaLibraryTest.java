package io.tunebook.ollama.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Structure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LlamaLibraryTest {
    private static String why(Path folder) {
        return ((LlamaCpp.Search.Missing) LlamaCpp.in(folder)).why();
    }

    @Test
    void whatIsNotThereIsNoError(@TempDir Path folder) throws Exception {
        assertThat(why(folder)).contains("no llama.cpp " + LlamaCpp.VERSION).contains(folder.toString());
        assertThat(why(folder.resolve("absent"))).contains("absent");
        Files.writeString(folder.resolve("libllama.v0.3.0.so"), "another release");
        assertThat(why(folder)).contains("no llama.cpp " + LlamaCpp.VERSION);
    }

    @Test
    void whatIsNoLibraryIsRefusedInWords(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("libllama.v" + LlamaCpp.VERSION + ".so"), "nothing");
        Files.writeString(folder.resolve("libggml.v" + LlamaCpp.VERSION + ".so"), "nothing");
        Files.writeString(folder.resolve("libggml-base.so"), "nothing");
        assertThat(why(folder)).contains("cannot be loaded").contains(folder.toString());
    }

    /**
     * On x86-64 a function writes a large structure to where its first argument points: it writes as many bytes as our
     * structure has, and none of those behind it.
     */
    @Test
    void theStructuresHaveTheLibrarysSizes() throws Exception {
        String folder = System.getenv("TUNEBOOK_LLAMA_CPP_TESTS");
        assumeTrue(folder != null, "TUNEBOOK_LLAMA_CPP_TESTS names no folder of llama.cpp");
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "another way to return structures");
        Path library;
        try (Stream<Path> files = Files.list(Path.of(folder))) {
            library = files.filter(f -> f.getFileName().toString().matches("(lib)?llama\\.v.*"))
                    .findFirst()
                    .orElseThrow();
        }
        NativeLibrary llama = NativeLibrary.getInstance(library.toString(), Map.of(Library.OPTION_OPEN_FLAGS, 1));
        Map<String, Structure> structures = Map.of(
                "llama_model_default_params",
                new LlamaLibrary.ModelParams(),
                "llama_context_default_params",
                new LlamaLibrary.ContextParams());
        structures.forEach((name, structure) -> {
            Function defaults = llama.getFunction(name);
            // What pads a structure behind its last field need not be written.
            assertThat(written(defaults, structure.size())).as(name).isBetween(structure.size() - 7L, (long)
                    structure.size());
        });
    }

    /** One more than the last byte that the function writes, by two calls over memory of different content. */
    private static long written(Function defaults, int size) {
        long last = 0;
        for (byte fill : new byte[] {0x55, (byte) 0xaa}) {
            Memory memory = new Memory(size + 256L);
            memory.setMemory(0, memory.size(), fill);
            defaults.invoke(new Object[] {memory});
            for (long i = 0; i < memory.size(); i++) {
                last = memory.getByte(i) != fill ? Math.max(last, i + 1) : last;
            }
        }
        return last;
    }
}
