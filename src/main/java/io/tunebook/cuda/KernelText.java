package io.tunebook.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text of kernels and what it declares.
 *
 * @param text CUDA C++
 * @param kernels in the text's order
 */
record KernelText(String text, List<Kernel> kernels) {
    /** Parameters of a kernel and the two of its launch. */
    static final int MOST_PARAMETERS = 32;

    private static final Pattern KERNEL = Pattern.compile(
            "extern \"C\" __global__ void\\s+(?:__launch_bounds__\\(\\d+, \\d+\\)\\s+)?(\\w+)\\(([^)]*)\\)");

    /** What a parameter is to the operator that starts the kernel. */
    enum Kind {
        /** {@code const T*}: a tensor that is read. */
        READ,
        /** {@code T*}: a tensor that is written. */
        WRITTEN,
        /** {@code i64}. */
        INTEGER,
        /** {@code double}. */
        REAL
    }

    record Parameter(String name, Kind kind) {
        boolean isTensor() {
            return kind == Kind.READ || kind == Kind.WRITTEN;
        }
    }

    /** One kernel. */
    record Kernel(String name, List<Parameter> parameters) {
        /** Which parameter is the rank, for which it is compiled; -1 if none is. */
        int rank() {
            for (int i = 0; i < parameters.size(); i++) {
                if (parameters.get(i).equals(new Parameter("rank", Kind.INTEGER))) {
                    return i;
                }
            }
            return -1;
        }

        /**
         * The operator in PyTorch's language of schemas: {@code add(Tensor a, Tensor(a!) b, int n, int blocks, int
         * threads) -> ()}.
         */
        String schema() {
            StringBuilder schema = new StringBuilder(name).append('(');
            char written = 'a';
            for (Parameter p : parameters) {
                schema.append(
                                switch (p.kind) {
                                    case READ -> "Tensor";
                                    case WRITTEN -> "Tensor(" + written++ + "!)";
                                    case INTEGER -> "int";
                                    case REAL -> "float";
                                })
                        .append(' ')
                        .append(p.name)
                        .append(", ");
            }
            return schema.append("int blocks, int threads) -> ()").toString();
        }
    }

    /** The kernels that are a resource beside this class. */
    static KernelText ours() {
        try (InputStream in = KernelText.class.getResourceAsStream("kernels.cu")) {
            return of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads the declarations.
     *
     * @throws IllegalArgumentException if a kernel has a parameter of another type, or more of them than a launch has
     *     room for
     */
    static KernelText of(String text) {
        List<Kernel> kernels = new ArrayList<>();
        Matcher kernel = KERNEL.matcher(text);
        while (kernel.find()) {
            List<Parameter> parameters = new ArrayList<>();
            for (String parameter : kernel.group(2).split(",\\s*")) {
                parameters.add(parameter(kernel.group(1), parameter.strip()));
            }
            if (parameters.size() + 2 > MOST_PARAMETERS) {
                throw new IllegalArgumentException("kernel " + kernel.group(1) + ": expected at most "
                        + (MOST_PARAMETERS - 2) + " parameters, found " + parameters.size());
            }
            kernels.add(new Kernel(kernel.group(1), List.copyOf(parameters)));
        }
        return new KernelText(text, List.copyOf(kernels));
    }

    private static Parameter parameter(String kernel, String declaration) {
        String name = declaration.substring(declaration.lastIndexOf(' ') + 1);
        Kind kind;
        if (declaration.contains("*")) {
            kind = declaration.startsWith("const ") ? Kind.READ : Kind.WRITTEN;
        } else if (declaration.equals("i64 " + name)) {
            kind = Kind.INTEGER;
        } else if (declaration.equals("double " + name)) {
            kind = Kind.REAL;
        } else {
            throw new IllegalArgumentException(
                    "kernel " + kernel + ": expected a pointer, an i64 or a double, found " + declaration);
        }
        return new Parameter(name, kind);
    }
}
