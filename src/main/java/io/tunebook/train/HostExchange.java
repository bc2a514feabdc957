package io.tunebook.train;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.hosts.ProcessGroup;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.TorchScript;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What hosts that train one adapter send each other. In a step that is the sum of their gradients and losses, to rank
 * 0, and the factors as its update left them, to all: whatever processors the hosts have, and however these round, all
 * go on with the same bits. The moments of the optimizer are rank 0's alone.
 */
final class HostExchange implements AutoCloseable {
    /** The most bytes of a run's state: that of some million steps. */
    private static final int STATE = 1 << 29;

    private static final String BATCHES = "the batches of this step";

    private final ProcessGroup group;
    private final LoraAdapter adapter;
    private final NDManager manager;
    private final NDArray staging;
    private final ByteBuffer bytes;
    private final TorchScript script;
    private boolean asked;
    private boolean agreed;

    /**
     * An exchange by a group that stays the caller's.
     *
     * @throws IllegalArgumentException if there are more factors than a buffer can hold
     */
    HostExchange(ProcessGroup group, LoraAdapter adapter) {
        this.group = group;
        this.adapter = adapter;
        long size = adapter.factors().size();
        if (size > Integer.MAX_VALUE / Float.BYTES) {
            throw new IllegalArgumentException("hosts: expected at most " + Integer.MAX_VALUE / Float.BYTES
                    + " trainable parameters, found " + size + ". Use a smaller rank or fewer target modules");
        }
        manager = adapter.model().manager().newSubManager(Device.cpu());
        try {
            staging = manager.zeros(adapter.factors().getShape());
            bytes = staging.toByteBuffer(true).order(ByteOrder.nativeOrder());
            script = TorchScript.load(manager, "Exchange", HostExchange.class, "exchange.py");
        } catch (RuntimeException | Error e) {
            manager.close();
            throw e;
        }
    }

    /** Whether a step failed since data differ, here or, by the words that it sent, on another host. */
    static boolean dataDiffer(IOException failure) {
        return String.valueOf(failure.getMessage()).contains(BATCHES + " differ between ");
    }

    /** Whether this is the one that updates, saves and samples. */
    boolean first() {
        return group.rank() == 0;
    }

    /** Which of all micro-batches or batches is this host's, so that host and devices take turns. */
    int index(int own) {
        return own * group.size() + group.rank();
    }

    /** This host's part of something. */
    <T> List<T> share(List<T> all) {
        List<T> own = new ArrayList<>();
        for (int i = group.rank(); i < all.size(); i += group.size()) {
            own.add(all.get(i));
        }
        return own;
    }

    /**
     * The rest of a step whose gradient is computed: sum, update, and the factors for all. Gradient and losses are zero
     * afterwards.
     *
     * @param optimizer rank 0's
     * @param batches checksum of the step's micro-batches
     */
    Optimizer.Result update(Optional<Optimizer> optimizer, long batches, double rate) throws IOException {
        group.requireEqual(BATCHES, "use the same data in the same order", batches);
        asked |= Thread.interrupted();
        double[] sums = group.allReduce(take(adapter.losses()), asked ? 1 : 0);
        agreed |= sums[1] > 0;
        fetch(adapter.gradient());
        group.reduce(bytes.duplicate());
        double[] found = {sums[0], 0};
        if (optimizer.isPresent()) {
            adapter.model().adapters().assign(adapter.gradient(), staging);
            put(adapter.losses(), sums[0]);
            optimizer.get().step(adapter.gradient(), adapter.losses(), rate);
            found[1] = optimizer.get().take().norm();
        }
        found = group.allReduce(first() ? found : new double[found.length]);
        factors();
        return new Optimizer.Result(found[0], found[1]);
    }

    /** Gives rank 0's factors to all. */
    private void factors() throws IOException {
        if (first()) {
            adapter.model().adapters().assign(staging, adapter.factors());
        }
        group.broadcast(bytes.duplicate());
        if (!first()) {
            adapter.model().adapters().assign(adapter.factors(), staging);
        }
    }

    /**
     * The state in which all begin: rank 0's, with its factors. The others get no moments.
     *
     * @param saved what rank 0 goes on from; the others' is not looked at
     */
    Optional<Checkpoint> begin(Optional<Checkpoint> saved) throws IOException {
        factors();
        byte[] json = group.broadcast(saved.map(Checkpoint::json).orElse(new byte[0]), STATE);
        if (json.length == 0 || first()) {
            group.broadcast(floats(saved), Integer.MAX_VALUE);
            return first() ? saved : Optional.empty();
        }
        JsonNode state = Json.wire().readTree(json);
        ByteBuffer sent = ByteBuffer.wrap(group.broadcast(new byte[0], Integer.MAX_VALUE));
        float[] best = new float[sent.remaining() / Float.BYTES];
        sent.asFloatBuffer().get(best);
        return Optional.of(Checkpoint.of(state, new float[0], new float[0], best));
    }

    private static byte[] floats(Optional<Checkpoint> saved) {
        float[] best = saved.map(Checkpoint::best).orElse(new float[0]);
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(best.length, Float.BYTES));
        bytes.asFloatBuffer().put(best);
        return bytes.array();
    }

    /** The sums of all hosts' numbers. */
    double[] sum(double... values) throws IOException {
        return group.allReduce(values);
    }

    /** Whether a step's hosts agreed to stop, since one of them was interrupted. */
    boolean interrupted() {
        asked |= Thread.interrupted();
        return agreed;
    }

    private void fetch(NDArray from) {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            script.run(from.getDevice(), "fetch", a.tensor(staging).tensor(from));
        }
    }

    private double take(NDArray losses) {
        double found = losses.toDoubleArray()[0];
        put(losses, 0);
        return found;
    }

    private void put(NDArray losses, double value) {
        try (NDArray from = manager.create(new double[] {value})) {
            adapter.model().adapters().assign(losses, from);
        }
    }

    @Override
    public void close() {
        script.close();
        manager.close();
    }
}
