package io.tunebook.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.model.DecoderScript;
import io.tunebook.model.TorchScript;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Consumer;

/**
 * Each method of {@code kernels.py} beside the same of the other files, on the same random bfloat16 values on a GPU: the largest difference, as a share of
 * the largest value, and the time of either. Exit status 1 if one differs by more than bfloat16 rounds.
 */
final class KernelCheck {
    /** PyTorch's operators round to bfloat16's eight bits after each step, the kernels once: a few roundings. */
    private static final double BOUND = 1.0 / 64;

    private static int worst;

    private final NDManager manager = NDManager.newBaseManager(Device.gpu());
    private final TorchScript plain;
    private final TorchScript fused;
    private final NDArray like;
    private final Random random = new Random(1);

    private KernelCheck() {
        manager.create(new Shape(1));
        CudaDevice.of(Device.gpu()).missing().ifPresent(why -> {
            throw new IllegalStateException(why);
        });
        plain = DecoderScript.load(manager, false);
        fused = DecoderScript.load(manager, true);
        like = bf16(1);
    }

    private NDArray bf16(long... shape) {
        return cast(manager.randomNormal(0, 1, new Shape(shape), ai.djl.ndarray.types.DataType.FLOAT32));
    }

    private NDArray cast(NDArray x) {
        return type(x, 15);
    }

    private NDArray type(NDArray x, int type) {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            return plain.call(manager, "as_type", a.tensor(x).number(type).tensor(manager.create(new Shape(0))))
                    .get(0);
        }
    }

    /** @param written arrays that the method writes besides its results */
    private void compare(String method, String what, Consumer<TorchScript.Arguments> arguments, NDArray... written) {
        List<float[]> theirs = results(plain, method, arguments, written);
        List<float[]> ours = results(fused, method, arguments, written);
        double worstShare = theirs.size() == ours.size() ? 0 : Double.POSITIVE_INFINITY;
        for (int i = 0; i < theirs.size(); i++) {
            double most = 0;
            double difference = 0;
            for (int j = 0; j < theirs.get(i).length; j++) {
                most = Math.max(most, Math.abs(theirs.get(i)[j]));
                double d = Math.abs(theirs.get(i)[j] - ours.get(i)[j]);
                difference = Double.isNaN(d) ? Double.POSITIVE_INFINITY : Math.max(difference, d);
            }
            worstShare = Math.max(worstShare, difference / Math.max(most, 1e-30));
        }
        boolean good = worstShare <= BOUND;
        worst += good ? 0 : 1;
        System.out.printf(
                Locale.ROOT,
                "%-14s %-28s largest difference %.2e %s, %.0f µs in PyTorch's operators, %.0f µs in one kernel%n",
                method,
                what,
                worstShare,
                good ? "kept" : "MISSED",
                time(plain, method, arguments),
                time(fused, method, arguments));
    }

    private List<float[]> results(
            TorchScript script, String method, Consumer<TorchScript.Arguments> arguments, NDArray... written) {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            arguments.accept(a);
            List<float[]> all = new ArrayList<>();
            for (NDArray y : script.call(manager, method, a)) {
                all.add(type(y, 6).toFloatArray());
            }
            for (NDArray y : written) {
                all.add(type(y, 6).toFloatArray());
            }
            return all;
        }
    }

    private double time(TorchScript script, String method, Consumer<TorchScript.Arguments> arguments) {
        double best = Double.MAX_VALUE;
        for (int round = 0; round < 3; round++) {
            long start = System.nanoTime();
            for (int i = 0; i < 20; i++) {
                try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                    arguments.accept(a);
                    script.call(manager, method, a).forEach(NDArray::close);
                }
            }
            manager.ones(new Shape(1)).toFloatArray();
            best = Math.min(best, (System.nanoTime() - start) / 20e3);
        }
        return best;
    }

    private void all() {
        for (int width : new int[] {64, 1536, 4096}) {
            NDArray x = bf16(4096, width);
            NDArray w = bf16(width);
            NDArray onto = bf16(4096, width);
            NDArray dy = bf16(4096, width);
            compare("rms_norm", "4096 x " + width, a -> a.tensor(x).tensor(w).real(1e-6));
            NDArray t = manager.randomUniform(0.5f, 2, new Shape(4096, 1));
            compare(
                    "d_rms_norm",
                    "4096 x " + width,
                    a -> a.tensor(dy).tensor(x).tensor(t).tensor(w).tensor(onto));
            compare(
                    "d_rms_norm",
                    "nothing to add, " + width,
                    a -> a.tensor(dy).tensor(x).tensor(t).tensor(w));
        }
        for (int width : new int[] {64, 1152, 2560, 8192}) {
            branches(width);
        }
        for (int[] size : new int[][] {{4, 1, 256}, {32, 8, 128}, {3, 2, 96}, {5, 1, 16}, {2, 2, 512}}) {
            heads(size[0], size[1], size[2]);
        }
        for (int[] size : new int[][] {{1536, 2048}, {1536, 17920}, {8960, 1536}, {17920, 1536}}) {
            NDArray x = bf16(4096, size[0]);
            NDArray w = bf16(size[1], size[0]);
            List<NDArray> weights;
            try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                weights = plain.call(manager, "eight_rows", a.tensor(w));
            }
            // the same codes to the last bit: one that differs is off by a sixteenth
            compare("eight_rows", "4096 x " + size[0], a -> a.tensor(x));
            compare("times_eight", "4096 x " + size[0] + " x " + size[1], a -> a.tensor(x)
                    .tensor(weights.get(0))
                    .tensor(transposed(weights.get(1))));
        }
        NDArray heads = bf16(4096, 14, 128);
        NDArray weight = bf16(128);
        compare("rms_norm", "heads", a -> a.tensor(heads).tensor(weight).real(1e-6));
        NDArray cos = cast(halves(4096, 128, 1));
        NDArray sin = cast(halves(4096, 128, -1));
        compare(
                "rope",
                "4096 x 14 x 128",
                a -> a.tensor(heads).tensor(cos).tensor(sin).flag(false));
        NDArray dq = bf16(4096, 12, 128);
        NDArray dk = bf16(4096, 2, 128);
        NDArray dv = bf16(4096, 2, 128);
        compare(
                "d_rope",
                "12 and 2 heads",
                a -> a.tensor(dq).tensor(dk).tensor(dv).tensor(cos).tensor(sin));
        NDArray g = bf16(4096, 8960);
        NDArray u = bf16(4096, 8960);
        NDArray dm = bf16(4096, 8960);
        for (String glu : new String[] {"swiglu", "geglu"}) {
            compare(glu, "4096 x 8960", a -> a.tensor(g).tensor(u));
            compare(
                    "d_" + glu,
                    "4096 x 8960",
                    a -> a.tensor(dm).tensor(g).tensor(u).flag(false));
        }
        for (int rank : new int[] {8, 16, 32}) {
            for (int[] size : new int[][] {{333, 1000}, {4096, 8960}}) {
                aroundSwiglu(size[0], size[1], rank, false);
                aroundSwiglu(size[0], size[1], rank, true);
            }
        }
        for (int[] size : new int[][] {{8, 333, 40, 88}, {128, 16384, 2048, 1536}, {128, 16384, 768, 2048}}) {
            long[] experts = random.longs(size[1], 0, size[0]).sorted().toArray();
            NDArray sorted = manager.create(experts);
            NDArray weights = bf16(size[0], size[3], size[2]);
            NDArray rows = bf16(size[1], size[2]);
            NDArray wide = bf16(size[1], size[3]);
            String what = size[0] + " of " + size[3] + " x " + size[2];
            compare(
                    "by_tiles",
                    what,
                    a -> a.tensor(rows).tensor(weights).tensor(sorted).flag(false));
            compare(
                    "by_tiles",
                    what + ", transposed",
                    a -> a.tensor(wide).tensor(weights).tensor(sorted).flag(true));
        }
        for (int type : new int[] {2, 3, 8, 12, 14}) {
            int values = type < 12 ? 32 : 256;
            int scales = type == 3 || type == 12 ? 2 : 1;
            int codes = type == 2 || type == 3 ? 16 : type == 8 ? 32 : type == 12 ? 140 : 208;
            int blocks = 4096 * 4096 / values;
            byte[] bytes = new byte[blocks * codes];
            random.nextBytes(bytes);
            NDArray c = manager.create(
                    java.nio.ByteBuffer.wrap(bytes),
                    new Shape(blocks, codes),
                    type == 8 ? ai.djl.ndarray.types.DataType.INT8 : ai.djl.ndarray.types.DataType.UINT8);
            NDArray d = type(manager.randomUniform(1e-3f, 1e-2f, new Shape(blocks, scales)), 5);
            NDArray out = bf16(4096, 4096);
            compare(
                    "expand",
                    "type " + type + ", 4096 x 4096",
                    a -> a.tensor(d).tensor(c).number(type).tensor(out));
        }
        NDArray targets = manager.create(random.longs(1024, 0, 151936).toArray());
        NDArray logits = bf16(1024, 151936);
        System.out.printf(
                Locale.ROOT,
                "entropy        1024 x 151936, losses only: %.0f µs in PyTorch's operators, %.0f µs in one kernel%n",
                time(plain, "entropy", a -> a.tensor(logits).tensor(targets).flag(false)),
                time(fused, "entropy", a -> a.tensor(logits).tensor(targets).flag(false)));
        // The kernel writes over the logits, so it comes second.
        NDArray same = bf16(64, 4096);
        NDArray few = manager.create(random.longs(64, 0, 4096).toArray());
        List<float[]> theirs =
                results(plain, "entropy", a -> a.tensor(same).tensor(few).flag(true));
        List<float[]> ours =
                results(fused, "entropy", a -> a.tensor(same).tensor(few).flag(true));
        double difference = Math.abs(theirs.get(0)[0] - ours.get(0)[0]) / theirs.get(0)[0];
        double gradient = 0;
        for (int i = 0; i < theirs.get(1).length; i++) {
            gradient = Math.max(gradient, Math.abs(theirs.get(1)[i] - ours.get(1)[i]));
        }
        worst += difference < BOUND && gradient < BOUND ? 0 : 1;
        System.out.printf(
                Locale.ROOT,
                "entropy        64 x 4096: losses differ by %.2e, gradients by %.2e%n",
                difference,
                gradient);
    }

    /** A branch's output behind its norm on the residual, with a norm that follows, with none and alone. */
    private void branches(int width) {
        NDArray x = bf16(4096, width);
        NDArray y = bf16(4096, width);
        NDArray w = bf16(width);
        NDArray w1 = bf16(width);
        NDArray dOut = bf16(4096, width);
        NDArray dH = bf16(4096, width);
        NDArray t = manager.randomUniform(0.5f, 2, new Shape(4096, 1));
        String what = "4096 x " + width;
        compare(
                "add_norm",
                what,
                a -> a.tensor(x).tensor(y).tensor(w).real(1e-6).tensor(w1));
        compare(
                "add_norm",
                "no norm behind, " + width,
                a -> a.tensor(x).tensor(y).tensor(w).real(1e-6));
        compare("d_add_norm", what, a -> a.tensor(dOut)
                .tensor(y)
                .tensor(w)
                .real(1e-6)
                .tensor(dH)
                .tensor(x)
                .tensor(t)
                .tensor(w1));
        compare(
                "d_add_norm",
                "no norm behind, " + width,
                a -> a.tensor(dOut).tensor(y).tensor(w).real(1e-6).tensor(dH));
        compare(
                "d_add_norm",
                "the sum alone, " + width,
                a -> a.tensor(dOut).tensor(y).tensor(w).real(1e-6));
    }

    /** Norms of q's and k's heads with a rotation; the heads of v lie behind them in each row. */
    private void heads(int heads, int kv, int width) {
        NDArray qkv = bf16(4096, (long) (heads + 2 * kv) * width);
        NDArray qk = qkv.reshape(4096, heads + 2 * kv, width).get(":, 0:" + (heads + kv));
        NDArray wq = bf16(width);
        NDArray wk = bf16(width);
        NDArray cos = cast(halves(4096, width, 1));
        NDArray sin = cast(halves(4096, width, -1));
        NDArray dq = bf16(4096, heads, width);
        NDArray dk = bf16(4096, kv, width);
        NDArray dv = bf16(4096, kv, width);
        String what = heads + " and " + kv + " heads of " + width;
        compare("norm_rope", what, a -> a.tensor(qk)
                .tensor(wq)
                .tensor(wk)
                .tensor(cos)
                .tensor(sin)
                .number(heads)
                .real(1e-6));
        compare("d_norm_rope", what, a -> a.tensor(dq)
                .tensor(dk)
                .tensor(dv)
                .tensor(qk)
                .tensor(wq)
                .tensor(wk)
                .tensor(cos)
                .tensor(sin)
                .real(1e-6));
    }

    private void aroundSwiglu(int rows, int inner, int rank, boolean gelu) {
        if (!CudaDevice.of(Device.gpu()).compiled(rank)) {
            System.out.println("swiglu_lora: skipped, this card has no kernels for rank " + rank);
            return;
        }
        String what = rows + " x " + inner + ", rank " + rank + (gelu ? ", GELU" : "");
        NDArray gu = bf16(rows, 2 * inner);
        NDArray d_m = bf16(rows, inner);
        NDArray z = bf16(rows, 2 * rank);
        NDArray d_z = bf16(rows, rank);
        NDArray gate = bf16(inner, rank);
        NDArray up = bf16(inner, rank);
        NDArray down = bf16(rank, inner);
        NDArray gradients = bf16(3 * inner * rank);
        NDArray d_gate = view(gradients, 0, inner, rank);
        NDArray d_up = view(gradients, (long) inner * rank, inner, rank);
        NDArray d_down = view(gradients, 2L * inner * rank, rank, inner);
        compare("swiglu_lora", what, a -> a.tensor(gu)
                .tensor(z)
                .tensor(gate)
                .tensor(up)
                .tensor(down)
                .real(0.5)
                .real(0.25)
                .flag(gelu));
        compare(
                "d_swiglu_lora",
                what,
                a -> a.tensor(d_m)
                        .tensor(gu)
                        .tensor(z)
                        .tensor(d_z)
                        .tensor(gate)
                        .tensor(up)
                        .tensor(down)
                        .real(0.5)
                        .real(0.25)
                        .flag(gelu)
                        .tensor(d_gate)
                        .tensor(d_up)
                        .tensor(d_down),
                gradients);
    }

    /** A part of a flat bfloat16 array, [rows, columns], where it lies. */
    private NDArray view(NDArray flat, long start, long rows, long columns) {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            a.tensors(List.of(flat))
                    .numbers(start)
                    .numbers(rows)
                    .numbers(0, 1, 1, 1, 1)
                    .number(columns);
            return plain.call(manager, "from_files", a.number(15).tensor(like)).get(0);
        }
    }

    /** A column as a row. */
    private NDArray transposed(NDArray column) {
        return column.reshape(1, column.getShape().get(0));
    }

    /** Cosines, or with sign -1 sines: the halves are the same but for the sign of the first. */
    private NDArray halves(int rows, int width, int sign) {
        float[] values = new float[rows * width];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < width / 2; j++) {
                float v = (float) random.nextGaussian();
                values[i * width + j] = sign * v;
                values[i * width + width / 2 + j] = v;
            }
        }
        return manager.create(values, new Shape(rows, 1, width));
    }

    public static void main(String[] args) {
        KernelCheck check = new KernelCheck();
        check.all();
        worst += RecordingCheck.kept(check.manager, check.plain) ? 0 : 1;
        System.exit(worst > 0 ? 1 : 0);
    }
}
