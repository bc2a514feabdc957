package io.tunebook.cuda;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Memory;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Sha256;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** NVIDIA's compiler as a library. It needs no card. */
final class Nvrtc {
    private static final Pattern NAME =
            Pattern.compile("libnvrtc\\.so\\.\\d+|libnvrtc-[0-9a-f]+\\.so\\.[\\d.]+|nvrtc64_\\d+_0\\.dll");

    private Nvrtc() {}

    /** Its version, such as {@code 12.6}. */
    static String version() {
        IntByReference major = new IntByReference();
        IntByReference minor = new IntByReference();
        ForeignFunction.NVRTC_VERSION.require(major, minor);
        return major.getValue() + "." + minor.getValue();
    }

    /**
     * Compiles a text to machine code.
     *
     * @param options as on NVRTC's command line, with {@code --gpu-architecture=sm_90} for a card of compute capability
     * 9.0
     * @throws EngineException with the compiler's words if it does not compile
     */
    static byte[] compile(String text, List<String> options) {
        PointerByReference program = new PointerByReference();
        ForeignFunction.NVRTC_CREATE.require(program, text, "kernels.cu", 0, null, null);
        try {
            LongByReference size = new LongByReference();
            int status = ForeignFunction.NVRTC_COMPILE.status(
                    program.getValue(), options.size(), options.toArray(String[]::new));
            if (status != 0) {
                ForeignFunction.NVRTC_LOG_SIZE.require(program.getValue(), size);
                try (Memory log = new Memory(Math.max(1, size.getValue()))) {
                    ForeignFunction.NVRTC_LOG.require(program.getValue(), log);
                    throw new EngineException(
                            "kernels.cu does not compile with " + String.join(" ", options) + ": " + log.getString(0));
                }
            }
            ForeignFunction.NVRTC_CUBIN_SIZE.require(program.getValue(), size);
            try (Memory code = new Memory(size.getValue())) {
                ForeignFunction.NVRTC_CUBIN.require(program.getValue(), code);
                return code.getByteArray(0, Math.toIntExact(size.getValue()));
            }
        } finally {
            ForeignFunction.NVRTC_DESTROY.require(program);
        }
    }

    /**
     * The library: beside libtorch; or, installed by pip, in a package of NVIDIA's beside PyTorch's; or in
     * {@code jna.library.path}; or where the system looks for libraries.
     *
     * @throws IOException if a folder cannot be read
     */
    static Path find() throws IOException {
        Path torch = Path.of(LibUtils.getLibtorchPath());
        List<Path> folders = new ArrayList<>(List.of(torch));
        Path nvidia = torch.resolve("../../nvidia").normalize();
        if (Files.isDirectory(nvidia)) {
            try (Stream<Path> inside = Files.find(nvidia, 2, (p, a) -> p.endsWith("lib") || p.endsWith("bin"))) {
                inside.sorted().forEach(folders::add);
            }
        }
        for (String path : System.getProperty("jna.library.path", "").split(File.pathSeparator)) {
            if (!path.isEmpty()) {
                folders.add(Path.of(path));
            }
        }
        for (Path folder : folders) {
            if (Files.isDirectory(folder)) {
                try (Stream<Path> files = Files.list(folder)) {
                    Optional<Path> found = files.filter(f ->
                                    NAME.matcher(f.getFileName().toString()).matches())
                            .sorted()
                            .findFirst();
                    if (found.isPresent()) {
                        return found.get().toAbsolutePath();
                    }
                }
            }
        }
        return Path.of("nvrtc"); // the system's
    }

    /**
     * Compiled kernels on disk, so that they are compiled once. A file has the name of what it was made from: the
     * SHA-256 of text, options and the compiler's version; and holds the machine code behind the SHA-256 of it, so that
     * a damaged file is no code.
     */
    record KernelCache(Path folder) {
        private static final int DIGEST = 32;

        /** {@code tunebook/cuda} in the user's cache: {@code XDG_CACHE_HOME}, else {@code .cache} at home. */
        static KernelCache ofUser() {
            String caches = System.getenv("XDG_CACHE_HOME");
            Path root = caches == null || caches.isBlank()
                    ? Path.of(System.getProperty("user.home"), ".cache")
                    : Path.of(caches);
            return new KernelCache(root.resolve("tunebook").resolve("cuda"));
        }

        /**
         * Machine code, as it was kept or as it is made now. A folder that cannot be read or written costs only the
         * time to compile.
         *
         * @param version the compiler's
         * @param compiler makes it where it is not there yet
         */
        byte[] code(String text, List<String> options, String version, Supplier<byte[]> compiler) {
            Path file =
                    folder.resolve(Sha256.hex(text + "\0" + String.join("\0", options) + "\0" + version) + ".cubin");
            try {
                byte[] kept = Files.readAllBytes(file);
                byte[] code = Arrays.copyOfRange(kept, Math.min(DIGEST, kept.length), kept.length);
                if (code.length > 0
                        && MessageDigest.isEqual(
                                Arrays.copyOf(kept, DIGEST), Sha256.digest().digest(code))) {
                    return code;
                }
            } catch (IOException e) {
                // none was kept
            }
            byte[] code = compiler.get();
            byte[] kept = Arrays.copyOf(Sha256.digest().digest(code), DIGEST + code.length);
            System.arraycopy(code, 0, kept, DIGEST, code.length);
            try {
                Files.createDirectories(folder);
                AtomicFile.write(file, kept);
            } catch (IOException e) {
                // the next start compiles again
            }
            return code;
        }
    }
}
