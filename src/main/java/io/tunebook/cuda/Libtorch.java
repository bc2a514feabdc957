package io.tunebook.cuda;

import com.sun.jna.NativeLibrary;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The version of the libtorch that is loaded, as the library itself says it.
 *
 * @param major such as 2
 * @param minor such as 7
 * @param patch such as 1
 */
record Libtorch(int major, int minor, int patch) {
    /** The number of {@code TORCH_ABI_VERSION}: a byte each for major, minor and patch, the highest first. */
    static Libtorch of(long abi) {
        return new Libtorch((int) (abi >>> 56), (int) (abi >>> 48 & 0xff), (int) (abi >>> 40 & 0xff));
    }

    /** The version of the library in this process; empty if it is older than the question, which came with PyTorch 2.7. */
    static Optional<Libtorch> loaded() {
        try {
            NativeLibrary torch = ForeignLibrary.TORCH_CPU.open();
            return Optional.of(of(torch.getFunction("aoti_torch_abi_version").invokeLong(new Object[0])));
        } catch (UnsatisfiedLinkError e) {
            return Optional.empty();
        }
    }

    /** Whether a version such as {@code 2.7.1}, or {@code 2.11} for all of its patches, is this one. */
    boolean is(String version) {
        return (this + ".").startsWith(version + ".");
    }

    boolean isOneOf(List<String> versions) {
        return versions.stream().anyMatch(this::is);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%d.%d.%d", major, minor, patch);
    }
}
