package io.tunebook.cuda;

import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Library;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;

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
}
