package io.tunebook.cuda;

import io.tunebook.files.AtomicFile;
import io.tunebook.files.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * Compiled kernels on disk, so that they are compiled once. A file has the name of what it was made from: the SHA-256 of text, options and the
 * compiler's version; and holds the machine code behind the SHA-256 of it, so that a damaged file is no code.
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
     * Machine code, as it was kept or as it is made now. A folder that cannot be read or written costs only the time to compile.
     *
     * @param version the compiler's
     * @param compiler makes it where it is not there yet
     */
    byte[] code(String text, List<String> options, String version, Supplier<byte[]> compiler) {
        Path file = folder.resolve(Sha256.hex(text + "\0" + String.join("\0", options) + "\0" + version) + ".cubin");
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
