package io.tunebook.ollama.llamacpp;

import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * llama.cpp's shared libraries, loaded from a folder: {@code libllama}, {@code libggml} and one {@code libggml-cpu-…}
 * for each kind of processor, of which ggml takes the best that this machine runs.
 *
 * <p>Structures pass by value through this interface, so that a library of another release would read other fields: it
 * is refused.
 */
public final class LlamaCpp {
    /** The release that {@link LlamaLibrary} was written after; Ollama 0.34.1 is built with it too. */
    public static final String VERSION = "0.4.0";

    private static final String RELEASE = Pattern.quote("v" + VERSION);
    /**
     * The library's symbols stay its own ({@code RTLD_LAZY} alone): those of other libraries for C++ in this process
     * are not they.
     */
    private static final Map<String, Object> OPTIONS =
            Map.of(Library.OPTION_STRING_ENCODING, "UTF-8", Library.OPTION_OPEN_FLAGS, 1);

    private static final int WARNING = 3;
    private static final int ERROR = 4;

    /** {@code GGML_BACKEND_DEVICE_TYPE_CPU}. */
    private static final int PROCESSOR = 0;

    /**
     * Where {@code poll} lies in {@code ggml_threadpool_params}, and its default value. A thread that polls for the
     * next token keeps its core busy all the time in between, in which another process chooses that token.
     */
    private static final int POLL = 520;

    private static final int POLL_DEFAULT = 50;

    private final LlamaLibrary library;
    private final NativeLibrary base;
    private final NativeLibrary backends;
    /** Held because llama.cpp calls it as long as it lives. */
    private final LlamaLibrary.Log log;

    private volatile String lastError = "";

    /** What came of looking for the library. */
    public sealed interface Search {
        /** It is there and loaded. */
        record Found(LlamaCpp llama) implements Search {}

        /**
         * It cannot be used.
         *
         * @param why in words, with the folder's name
         */
        record Missing(String why) implements Search {}
    }

    private LlamaCpp(LlamaLibrary library, NativeLibrary base, NativeLibrary backends) {
        this.library = library;
        this.base = base;
        this.backends = backends;
        this.log = (level, text, data) -> {
            if (level == ERROR) {
                lastError = text.strip();
            }
            if (level == WARNING || level == ERROR) {
                System.err.print(text);
            }
        };
        library.llama_log_set(log, null);
    }

    /** Loads the library from a folder, if it is there, is of the right release and fits this machine. */
    public static Search in(Path folder) {
        try {
            Optional<Path> basis = file(folder, "ggml-base", "");
            Optional<Path> ggml = file(folder, "ggml", "(\\.metal)?\\." + RELEASE);
            Optional<Path> llama = file(folder, "llama", "(\\.metal)?\\." + RELEASE);
            if (basis.isEmpty() || ggml.isEmpty() || llama.isEmpty()) {
                return new Search.Missing("there is no llama.cpp " + VERSION + " in " + folder);
            }
            NativeLibrary base = NativeLibrary.getInstance(basis.get().toString(), OPTIONS);
            NativeLibrary backends = NativeLibrary.getInstance(ggml.get().toString(), OPTIONS);
            LlamaLibrary library = Native.load(llama.get().toString(), LlamaLibrary.class, OPTIONS);
            String version = NativeLibrary.getInstance(llama.get().toString(), OPTIONS)
                    .getFunction("llama_version")
                    .invokeString(new Object[0], false);
            Optional<String> wrong = wrong(version, library);
            if (wrong.isPresent()) {
                return new Search.Missing(llama.get() + ": " + wrong.get());
            }
            LlamaCpp found = new LlamaCpp(library, base, backends);
            Function load = backends.getFunction("ggml_backend_load_all_from_path");
            load.invokeVoid(new Object[] {folder.toString()});
            library.llama_backend_init();
            return new Search.Found(found);
        } catch (IOException | UnsatisfiedLinkError e) {
            return new Search.Missing("llama.cpp in " + folder + " cannot be loaded: " + e.getMessage());
        }
    }

    /** The file of one of the libraries, as it is named on Linux, Windows and macOS. */
    private static Optional<Path> file(Path folder, String name, String release) throws IOException {
        Pattern pattern = Pattern.compile("(lib)?" + name + release + "\\.(so|dll|dylib)");
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> pattern.matcher(f.getFileName().toString()).matches())
                    .findFirst();
        }
    }

    /**
     * What speaks against the library: another release, or default values that are not where {@link LlamaLibrary} has
     * the fields.
     */
    private static Optional<String> wrong(String version, LlamaLibrary library) {
        // "-dev" is what a build outside of the release's own pipeline calls itself.
        if (!version.replace("-dev", "").equals(VERSION)) {
            return Optional.of("this is llama.cpp " + version + ", and " + VERSION + " is needed");
        }
        LlamaLibrary.ModelParams model = library.llama_model_default_params();
        LlamaLibrary.ContextParams context = library.llama_context_default_params();
        List<Boolean> asItShouldBe = List.of(
                model.gpuLayers == -1,
                model.splitMode == 1,
                model.loadMode == -1,
                model.lazyMode == 1,
                model.mainGpu == 0,
                model.metadataOverrides == null,
                model.vocabularyOnly == 0,
                model.extraBuffers == 1,
                model.loadMtp == 0,
                context.context == 512,
                context.batch == 2048,
                context.microBatch == 512,
                context.sequences == 1,
                context.outputsPerSequence == 1,
                context.pooling == LlamaLibrary.POOLING_OF_FILE,
                context.flashAttention == -1,
                context.yarnExtension == -1,
                context.yarnSlow == -1,
                context.defragment == -1,
                context.keyType == 1,
                context.valueType == 1,
                context.embeddings == 0,
                context.offloadCache == 1,
                context.noTimes == 1,
                context.fullWindow == 1,
                context.unifiedCache == 0,
                context.samplerCount.longValue() == 0,
                context.other == null);
        return asItShouldBe.contains(false)
                ? Optional.of("its default values are not those of release " + VERSION)
                : Optional.empty();
    }

    /**
     * Threads that stay from token to token, as in llama.cpp's server: without them each token starts its own.
     *
     * @return null where this library has none
     */
    Pointer threads(int count) {
        Pointer processor = backends.getFunction("ggml_backend_dev_by_type").invokePointer(new Object[] {PROCESSOR});
        if (processor == null) {
            return null;
        }
        Pointer registry = base.getFunction("ggml_backend_dev_backend_reg").invokePointer(new Object[] {processor});
        Pointer make = base.getFunction("ggml_backend_reg_get_proc_address")
                .invokePointer(new Object[] {registry, "ggml_threadpool_new"});
        if (make == null) {
            return null;
        }
        try (Memory settings = new Memory(4096)) {
            base.getFunction("ggml_threadpool_params_init").invokeVoid(new Object[] {settings, count});
            if (settings.getInt(POLL) == POLL_DEFAULT) {
                settings.setInt(POLL, 0);
            }
            return Function.getFunction(make).invokePointer(new Object[] {settings});
        }
    }

    /**
     * One thread for each physical core, counted as llama.cpp does it: more only spin while they wait for one another.
     */
    public static int cores() {
        int processors = Runtime.getRuntime().availableProcessors();
        Set<String> siblings = new HashSet<>();
        for (int i = 0; i < processors; i++) {
            try {
                siblings.add(
                        Files.readString(Path.of("/sys/devices/system/cpu/cpu" + i + "/topology/thread_siblings")));
            } catch (IOException elsewhere) {
                return Math.max(1, processors / 2);
            }
        }
        return Math.max(1, siblings.size());
    }

    LlamaLibrary library() {
        return library;
    }

    /** What llama.cpp last said about a failure, empty if it said nothing. */
    String lastError() {
        return lastError;
    }
}
