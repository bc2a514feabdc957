package io.tunebook.cuda;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;

/**
 * Work on batches whose shapes come again, each shape recorded as a {@link CudaGraph} after it has been seen {@value #WARM} times. It knows nothing of
 * what is computed. One thread at a time may use it.
 *
 * @param <T> a batch's tensors on the device
 */
public final class GraphCache<T> implements AutoCloseable {
    private static final int WARM = 2;

    private static final int MOST = 16;

    /** Above the numbers that PyTorch gives itself; counted for the process, as PyTorch's allocator does. */
    private static final AtomicLong POOLS = new AtomicLong(1L << 40);

    /** A batch that can be put where another one of its shape was. */
    public interface Batch<T> {
        /** Two batches with equal signatures have tensors of the same sizes. */
        List<Object> signature();

        /** Its tensors on the device of {@code scope}, which owns them. */
        T on(NDManager scope);

        /** Copies it to where the tensors of another batch of the same signature are. */
        void into(T tensors);
    }

    private final NDManager manager;
    private final Map<List<Object>, Recording<T>> recordings = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<List<Object>, Recording<T>> eldest) {
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

    /** @param manager on the device, a GPU */
    public GraphCache(NDManager manager) {
        this.manager = manager;
    }

    /** Why nothing can be recorded here; empty if it can. */
    public static Optional<String> missing() {
        return CudaGraph.missing();
    }

    private static final class Recording<T> implements AutoCloseable {
        private int seen;
        private CudaGraph graph;
        private NDManager scope;
        private T inputs;
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
     * @param flat an array that the work reads besides the batch; recordings are of this one only
     * @param variant what else makes work of the same shape another
     * @param work from a batch on the device to the results
     */
    public List<NDArray> compute(
            NDManager scope,
            Batch<T> batch,
            NDArray flat,
            Object variant,
            BiFunction<NDManager, T, List<NDArray>> work) {
        if (!factors.equals(flat.getUid())) {
            close();
            factors = flat.getUid();
        }
        Recording<T> r = recordings.computeIfAbsent(List.of(batch.signature(), variant), k -> new Recording<>());
        if (!works || r.seen++ < WARM) {
            return now(scope, batch, work);
        }
        if (r.graph == null) {
            NDManager owner = manager.newSubManager();
            T inputs = batch.on(owner);
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
            batch.into(r.inputs);
        }
        r.graph.replay();
        return r.outputs;
    }

    /** Without a recording; where the recordings' memory is needed for that, it is given back, and nothing is recorded any more. */
    private List<NDArray> now(NDManager scope, Batch<T> batch, BiFunction<NDManager, T, List<NDArray>> work) {
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
