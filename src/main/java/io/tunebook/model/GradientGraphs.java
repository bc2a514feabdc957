package io.tunebook.model;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;

/** Forward and backward of batches whose shapes come again, each recorded as a {@link CudaGraph} after a shape has been seen {@value #WARM} times. */
final class GradientGraphs implements AutoCloseable {
    private static final int WARM = 2;

    private static final int MOST = 16;

    /** Above the numbers that PyTorch gives itself. */
    private static final AtomicLong POOLS = new AtomicLong(1L << 40);

    private final NDManager manager;
    private final TorchScript script;
    private final Map<List<Object>, Recording> recordings = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<List<Object>, Recording> eldest) {
            if (size() > MOST) {
                eldest.getValue().close();
                return true;
            }
            return false;
        }
    };
    private String factors = "";
    private long pool;
    private boolean works = true;

    /** @param manager on the device */
    GradientGraphs(NDManager manager, TorchScript script) {
        this.manager = manager;
        this.script = script;
    }

    private static final class Recording implements AutoCloseable {
        private int seen;
        private CudaGraph graph;
        private NDManager scope;
        private BatchInputs.Tensors inputs;
        private List<NDArray> outputs;

        @Override
        public void close() {
            if (graph != null) {
                graph.close();
                scope.close();
                graph = null;
            }
        }
    }

    /**
     * The work's results, by replaying it if it has been recorded for this shape.
     *
     * @param scope owns the results of work that is not replayed
     * @param flat the factors that the work reads
     * @param checkpointing whether the work computes activations again
     * @param work from a batch on the device to the results
     */
    List<NDArray> compute(
            NDManager scope,
            BatchInputs batch,
            NDArray flat,
            boolean checkpointing,
            BiFunction<NDManager, BatchInputs.Tensors, List<NDArray>> work) {
        if (!factors.equals(flat.getUid())) {
            close();
            factors = flat.getUid();
        }
        Recording r = recordings.computeIfAbsent(List.of(batch.signature(), checkpointing), k -> new Recording());
        if (!works || r.seen++ < WARM) {
            return now(scope, batch, work);
        }
        if (r.graph == null) {
            NDManager owner = manager.newSubManager();
            BatchInputs.Tensors inputs = batch.on(owner);
            try {
                if (recordings.values().stream().noneMatch(other -> other.graph != null)) {
                    pool = POOLS.incrementAndGet();
                }
                r.graph = CudaGraph.record(manager.getDevice(), pool, () -> r.outputs = work.apply(owner, inputs));
            } catch (EngineException e) {
                works = false;
                close();
                owner.close();
                return now(scope, batch, work);
            }
            r.scope = owner;
            r.inputs = inputs;
        } else {
            batch.into(r.inputs, script);
        }
        r.graph.replay();
        return r.outputs;
    }

    /** Without a recording; where the recordings' memory is needed for that, it is given back, and nothing is recorded any more. */
    private List<NDArray> now(
            NDManager scope, BatchInputs batch, BiFunction<NDManager, BatchInputs.Tensors, List<NDArray>> work) {
        try {
            return work.apply(scope, batch.on(scope));
        } catch (EngineException e) {
            if (recordings.values().stream().noneMatch(r -> r.graph != null)
                    || !String.valueOf(e.getMessage()).contains("out of memory")) {
                throw e;
            }
            works = false;
            close();
            JniUtils.emptyCudaCache();
            return work.apply(scope, batch.on(scope));
        }
    }

    @Override
    public void close() {
        recordings.values().forEach(Recording::close);
        recordings.clear();
    }
}
