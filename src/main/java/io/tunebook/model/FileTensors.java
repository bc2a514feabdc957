package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.model.TorchScript.Arguments;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.PackedMatrix;
import java.nio.file.Path;
import java.util.List;

/** Tensors of mapped files: each method is one of {@code files.py}, where shapes and types stand. */
record FileTensors(TorchScript script) {
    NDArray mapFile(NDManager owner, Path file, long elements, int type) {
        try (Arguments a = new Arguments()) {
            return one(
                    owner, "map_file", a.text(file.toString()).number(elements).number(type));
        }
    }

    NDArray fromFiles(
            NDManager owner,
            List<NDArray> files,
            long[] starts,
            long[] rows,
            long[] orders,
            long columns,
            int type,
            NDArray like) {
        try (Arguments a = new Arguments()) {
            a.tensors(files).numbers(starts).numbers(rows).numbers(orders);
            return one(owner, "from_files", a.number(columns).number(type).tensor(like));
        }
    }

    NDArray stridedFromFile(NDManager owner, NDArray file, long start, PackedMatrix.Strided m, int type, NDArray like) {
        long[] shape = m.shape();
        try (Arguments a = new Arguments()) {
            a.tensor(file).number(start).number(shape.length == 1 ? 0 : shape[0]);
            a.number(shape[shape.length - 1]).number(m.rowStep()).number(m.columnStep());
            return one(owner, "strided_from_file", a.number(type).tensor(like));
        }
    }

    /**
     * A quantized tensor's scales and codes.
     *
     * @param halves the file once more, as float16
     */
    Stored blocksFromFile(NDManager owner, NDArray file, NDArray halves, Weights.Tensor t, NDArray like) {
        GgufType type = t.type();
        int scales =
                switch (type) {
                    case Q4_1, Q5_1, Q2_K, Q4_K, Q5_K -> 2;
                    default -> 1;
                };
        boolean behind = type == GgufType.Q2_K || type == GgufType.Q3_K || type == GgufType.Q6_K;
        try (Arguments a = new Arguments()) {
            a.tensor(file).tensor(halves).number(t.offset()).number(t.rows()).number(type.bytes(t.columns()));
            a.number(type.blockBytes()).number(scales).flag(behind);
            a.numbers(t.form().rows().numbers());
            List<NDArray> both = script.call(owner, "blocks_from_file", a.tensor(like));
            return new Stored(both.get(0), both.get(1), type.id(), t.rows());
        }
    }

    /** The same of MXFP4 in GGUF; its scales are bytes. */
    Stored mxfp4FromFile(NDManager owner, NDArray file, Weights.Tensor t, NDArray like) {
        try (Arguments a = new Arguments()) {
            a.tensor(file).number(t.offset()).number(t.rows()).number(t.type().bytes(t.columns()));
            List<NDArray> both = script.call(owner, "mxfp4_from_file", a.tensor(like));
            return new Stored(both.get(0), both.get(1), t.type().id(), t.rows());
        }
    }

    /** The same of safetensors, which have two tensors and another order in a byte. */
    Stored mxfp4FromParts(NDManager owner, NDArray codes, NDArray scales, PackedMatrix.Mxfp4 m, NDArray like) {
        try (Arguments a = new Arguments()) {
            a.tensor(codes).number(m.codes().stored().offset());
            a.tensor(scales).number(m.scales().stored().offset());
            a.number(m.shape()[0]).number(m.blocks()).number(m.first() * m.blocks());
            List<NDArray> both =
                    script.call(owner, "mxfp4_from_parts", a.number(m.step()).tensor(like));
            return new Stored(both.get(0), both.get(1), -m.type().id(), m.shape()[0]);
        }
    }

    /**
     * A weight as its file has it.
     *
     * @param kind GGUF's number for the type of its blocks, with a minus where safetensors have them; 0 if it has none
     */
    record Stored(NDArray scales, NDArray codes, int kind, long rows) {
        void close() {
            scales.close();
            codes.close();
        }
    }

    private NDArray one(NDManager owner, String method, Arguments a) {
        return script.call(owner, method, a).get(0);
    }
}
