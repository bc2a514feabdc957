package io.tunebook.cuda;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;

/**
 * Work on batches whose shapes come again, each shape recorded as a {@link CudaGraph} after it has been seen
 * {@value #WARM} times. It knows nothing of what is computed. One thread at a time may use it.
 *
 * @param <T> a batch's tensors on the device
 */
public final class GraphCache<T> implements AutoCloseable {
    private static final int WARM = 1;

    /** So many recordings are kept. */
    private static final int MOST = 64;

    /** How many shapes are remembered that came too seldom to be recorded. */
    private static final int MOST_SEEN = 4096;

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
    private final Map<List<Object>, Integer> seen = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<List<Object>, Integer> eldest) {
            return size() > MOST_SEEN;
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

    /** @param scope owns inputs and outputs */
    private record Recording<T>(CudaGraph graph, NDManager scope, T inputs, List<NDArray> outputs)
            implements AutoCloseable {
        @Override
        public void close() {
            graph.close();
            scope.close();
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
        List<Object> shape = List.of(batch.signature(), variant);
        Recording<T> r = recordings.get(shape);
        if (r == null) {
            if (!works || seen.merge(shape, 1, Integer::sum) <= WARM) {
                return now(scope, batch, work);
            }
            try {
                r = record(batch, work);
            } catch (EngineException e) {
                works = false;
                close();
                return now(scope, batch, work);
            }
            recordings.put(shape, r);
        } else {
            batch.into(r.inputs);
        }
        r.graph.replay();
        return r.outputs;
    }

    /**
     * The memory that PyTorch keeps for work that is not recorded is of no use to recordings. It is given back before
     * the first of them, and when one finds no room; to do it each time would cost more than recordings save.
     */
    private Recording<T> record(Batch<T> batch, BiFunction<NDManager, T, List<NDArray>> work) {
        if (recordings.isEmpty()) {
            pool = POOLS.incrementAndGet();
            CudaGraph.giveBack(manager.getDevice());
            return recorded(batch, work);
        }
        try {
            return recorded(batch, work);
        } catch (EngineException e) {
            if (!outOfMemory(e)) {
                throw e;
            }
            CudaGraph.giveBack(manager.getDevice());
            return recorded(batch, work);
        }
    }

    private Recording<T> recorded(Batch<T> batch, BiFunction<NDManager, T, List<NDArray>> work) {
        NDManager owner = manager.newSubManager();
        try {
            T inputs = batch.on(owner);
            List<List<NDArray>> outputs = new ArrayList<>();
            CudaGraph graph = CudaGraph.record(manager.getDevice(), pool, () -> outputs.add(work.apply(owner, inputs)));
            return new Recording<>(graph, owner, inputs, outputs.get(0));
        } catch (EngineException e) {
            owner.close();
            throw e;
        }
    }

    private static boolean outOfMemory(EngineException e) {
        return String.valueOf(e.getMessage()).contains("out of memory");
    }

    /**
     * Without a recording; where the recordings' memory is needed for that, it is given back, and nothing is recorded
     * any more.
     */
    private List<NDArray> now(NDManager scope, Batch<T> batch, BiFunction<NDManager, T, List<NDArray>> work) {
        try {
            return work.apply(scope, batch.on(scope));
        } catch (EngineException e) {
            if (recordings.isEmpty() || !outOfMemory(e)) {
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
        seen.clear();
    }
}
