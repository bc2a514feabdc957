package io.tunebook.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.cuda.CudaUtils;
import io.tunebook.cuda.GraphCache;
import io.tunebook.model.TorchScript;
import java.util.List;
import java.util.Locale;

/** Recorded work on a GPU whose recording fails; {@link KernelCheck} runs it. */
final class RecordingCheck {
    private RecordingCheck() {}

    /**
     * Work that cannot be recorded: it is computed all the same, nothing of the recordings is left, and other work is
     * recorded afterwards.
     */
    static boolean kept(NDManager manager, TorchScript script) {
        long before = CudaUtils.getGpuMemory(manager.getDevice()).getCommitted();
        boolean right = true;
        for (int i = 0; i < 20; i++) {
            right &= recorded(manager, script, true);
        }
        long left = CudaUtils.getGpuMemory(manager.getDevice()).getCommitted() - before;
        boolean after = recorded(manager, script, false);
        boolean good = right && after && left < 64 << 20;
        System.out.printf(
                Locale.ROOT,
                "recordings     20 that fail: results %s, %,d MB more in use afterwards, one that does not: results %s, %s%n",
                right ? "right" : "WRONG",
                left / 1_000_000,
                after ? "right" : "WRONG",
                good ? "kept" : "MISSED");
        return good;
    }

    /**
     * Doubles batches of 16 MB by work that is recorded the second time it comes. @param failing whether it waits for a
     * result, which cannot be recorded
     */
    private static boolean recorded(NDManager manager, TorchScript script, boolean failing) {
        NDArray flat = manager.create(new float[1]);
        boolean right = true;
        try (GraphCache<NDArray> cache = new GraphCache<>(manager)) {
            int[] calls = {0};
            for (int i = 0; i < 6; i++) {
                float value = i;
                try (NDManager scope = manager.newSubManager()) {
                    GraphCache.Batch<NDArray> batch = new GraphCache.Batch<>() {
                        @Override
                        public List<Object> signature() {
                            return List.of("doubled");
                        }

                        @Override
                        public NDArray on(NDManager owner) {
                            return owner.full(new Shape(1 << 22), value);
                        }

                        @Override
                        public void into(NDArray other) {
                            try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                                a.tensors(List.of(other)).tensors(List.of(on(scope)));
                                script.call(scope, "assign", a);
                            }
                        }
                    };
                    List<NDArray> results = cache.compute(scope, batch, flat, "", (owner, x) -> {
                        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                            NDArray y = script.call(owner, "joined", a.tensors(List.of(x, x)))
                                    .get(0);
                            if (failing && ++calls[0] == 2) {
                                y.toFloatArray();
                            }
                            return List.of(y);
                        }
                    });
                    float[] found = results.get(0).toFloatArray();
                    right &= found.length == 1 << 23 && found[0] == value && found[found.length - 1] == value;
                }
            }
        }
        flat.close();
        return right;
    }
}
