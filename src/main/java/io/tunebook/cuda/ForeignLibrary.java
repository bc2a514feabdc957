package io.tunebook.cuda;

import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Library;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The libraries of others that are called. */
enum ForeignLibrary {
    /** CUDA's driver: a C interface whose functions keep their meaning. */
    DRIVER {
        @Override
        String path() {
            return Platform.isWindows() ? "nvcuda" : "libcuda.so.1";
        }
    },
    /** NVIDIA's compiler: a C interface likewise. */
    NVRTC {
        @Override
        String path() {
            try {
                return Nvrtc.find().toString();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    },
    /** PyTorch's part for all devices. */
    TORCH_CPU {
        @Override
        String path() {
            return beside("torch_cpu");
        }
    },
    /** PyTorch's part for NVIDIA's cards. */
    TORCH_CUDA {
        @Override
        String path() {
            return beside("torch_cuda");
        }
    };

    /** POSIX: names are looked up when they are first called. */
    private static final int RTLD_LAZY = 1;

    abstract String path();

    /**
     * Opens the library, or takes it as it is open already.
     *
     * @throws UnsatisfiedLinkError if it is not there
     */
    NativeLibrary open() {
        try {
            // JNA's default would show a library's symbols to all: other C++ libraries took PyTorch's for their own.
            return NativeLibrary.getInstance(path(), Map.of(Library.OPTION_OPEN_FLAGS, RTLD_LAZY));
        } catch (UncheckedIOException e) {
            UnsatisfiedLinkError error = new UnsatisfiedLinkError(e.getCause().getMessage());
            error.initCause(e);
            throw error;
        }
    }

    /** Whether its functions change from version to version. */
    boolean isTorch() {
        return this == TORCH_CPU || this == TORCH_CUDA;
    }

    private static String beside(String name) {
        return Path.of(LibUtils.getLibtorchPath())
                .resolve(System.mapLibraryName(name))
                .toString();
    }

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

        /**
         * The version of the library in this process; empty if it is older than the question, which came with PyTorch
         * 2.7.
         */
        static Optional<Libtorch> loaded() {
            try {
                NativeLibrary torch = ForeignLibrary.TORCH_CPU.open();
                return Optional.of(
                        of(torch.getFunction("aoti_torch_abi_version").invokeLong(new Object[0])));
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
}
