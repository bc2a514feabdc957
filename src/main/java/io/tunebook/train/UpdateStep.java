package io.tunebook.train;

import io.tunebook.hosts.ProcessGroup;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.TokenBatch;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.function.IntToLongFunction;
import java.util.function.Supplier;

/**
 * How a run's factors change: the gradient of a step's micro-batches, by all devices of all hosts, and the optimizer's
 * update. Without other hosts a GPU is not waited for, and results are read a step late; with them each step is waited
 * for.
 */
final class UpdateStep implements AutoCloseable {
    private final LoraAdapter adapter;
    private final Optional<ProcessGroup> group;
    private final boolean resumable;
    private final Optional<HostExchange> exchange;
    private final Optional<Optimizer> optimizer;
    private final Replicas replicas;
    private final Queue<Optimizer.Result> found = new ArrayDeque<>();
    private Optional<String> reason = Optional.empty();

    private UpdateStep(LoraAdapter adapter, TrainingArguments arguments, Optional<ProcessGroup> group) {
        this.adapter = adapter;
        this.group = group;
        resumable = arguments.checkpoints() != null;
        replicas = new Replicas(adapter, arguments.devices());
        Optional<HostExchange> opened = Optional.empty();
        try {
            opened = group.map(g -> new HostExchange(g, adapter));
            boolean first = opened.map(HostExchange::first).orElse(true);
            optimizer = first ? Optional.of(new Optimizer(adapter.factors(), arguments)) : Optional.empty();
        } catch (RuntimeException | Error e) {
            opened.ifPresent(HostExchange::close);
            replicas.close();
            throw e;
        }
        exchange = opened;
    }

    /**
     * Waits for the other hosts, if there are any, and loads the model for each device.
     *
     * @param alike what must be the same on all hosts
     * @throws TrainingException if they do not come or do not fit
     */
    static UpdateStep join(LoraAdapter adapter, TrainingArguments arguments, Supplier<Map<String, String>> alike) {
        if (arguments.hosts() == null || arguments.hosts().count() == 1) {
            return new UpdateStep(adapter, arguments, Optional.empty());
        }
        ProcessGroup group;
        try {
            group = ProcessGroup.join(arguments.hosts(), alike.get());
        } catch (IOException e) {
            throw new TrainingException("Training on several hosts cannot begin: " + e.getMessage() + ".", e);
        }
        try {
            return new UpdateStep(adapter, arguments, Optional.of(group));
        } catch (RuntimeException | Error e) {
            group.abort(String.valueOf(e.getMessage()));
            group.close();
            throw e;
        }
    }

    /** Whether this host saves and samples. */
    boolean first() {
        return exchange.map(HostExchange::first).orElse(true);
    }

    /** What a person reads of the other hosts. */
    void notes(TrainingArguments arguments, List<String> notes) {
        group.ifPresent(g -> {
            notes.add("hosts: this is " + arguments.hosts() + "."
                    + (first() ? "" : " Checkpoints and sample answers are those of rank 0."));
            notes.addAll(g.notes());
        });
    }

    /** As {@link Replicas#deterministic}. */
    Optional<String> deterministic(boolean yes) {
        return replicas.deterministic(yes);
    }

    /**
     * Goes on from a checkpoint, on all hosts from rank 0's.
     *
     * @param saved what rank 0 goes on from, with its factors in use already
     */
    Optional<Checkpoint> begin(Optional<Checkpoint> saved) {
        saved.ifPresent(s -> optimizer.ifPresent(o -> o.restore(s.mean(), s.square(), s.step())));
        Optional<Checkpoint> state = exchange.isEmpty() ? saved : together(0, e -> e.begin(saved));
        replicas.follow();
        return state;
    }

    /**
     * Starts a step, counted from 1.
     *
     * @param micro the micro-batches of all hosts
     * @param labels how many of their tokens count
     * @param seeds of each micro-batch
     * @param checkpointed layers that are computed again
     */
    void start(int step, List<TokenBatch> micro, int labels, IntToLongFunction seeds, int checkpointed, double rate) {
        if (exchange.isEmpty()) {
            replicas.gradient(micro, 1.0 / labels, seeds, checkpointed);
            optimizer.orElseThrow().step(adapter.gradient(), adapter.losses(), rate);
        } else {
            HostExchange hosts = exchange.get();
            replicas.gradient(
                    hosts.share(micro), 1.0 / labels, own -> seeds.applyAsLong(hosts.index(own)), checkpointed);
            found.add(together(step, e -> e.update(optimizer, Fingerprint.checksum(micro), rate)));
        }
        replicas.follow();
    }

    /** How many steps may be started before results are to be taken. */
    int ahead() {
        return exchange.isPresent() ? 0 : optimizer.orElseThrow().ahead();
    }

    /** The results of the first step whose results are not taken; waits for it. */
    Optimizer.Result take() {
        return exchange.isPresent() ? found.remove() : optimizer.orElseThrow().take();
    }

    /** The optimizer, which rank 0 alone has. */
    Optimizer optimizer() {
        return optimizer.orElseThrow();
    }

    /** This host's part of what all measure. */
    List<TokenBatch> share(List<TokenBatch> all) {
        return exchange.map(e -> e.share(all)).orElse(all);
    }

    /** What all hosts measured after so many steps: each number's sum. */
    double[] sum(int step, double... values) {
        return exchange.isEmpty() ? values : together(step, e -> e.sum(values));
    }

    /** Whether the run is to stop here: on several hosts, whether they agreed on it in the last step. */
    boolean interrupted() {
        return exchange.isEmpty() ? Thread.interrupted() : exchange.get().interrupted();
    }

    /** What hosts do together. */
    private interface Together<T> {
        T with(HostExchange exchange) throws IOException;
    }

    private <T> T together(int step, Together<T> what) {
        try {
            return what.with(exchange.orElseThrow());
        } catch (IOException e) {
            String words =
                    "Step " + step + ": " + String.valueOf(e.getMessage()).replaceFirst("\\.$", "");
            reason = Optional.of(words);
            throw new TrainingException(words + ". All hosts end with it." + advice(e), e);
        }
    }

    /** A checkpoint of a run whose hosts had other data is none to go on from. */
    private String advice(IOException e) {
        if (HostExchange.dataDiffer(e)) {
            return "";
        }
        return " Start them again" + (resumable ? "; resume() goes on from the last checkpoint." : ".");
    }

    /** Ends the run on the other hosts, too. What a host is told is without advice: each gives its own. */
    void abort(Throwable why) {
        String told = reason.orElse(why instanceof TrainingException ? why.getMessage() : why.toString());
        group.ifPresent(g -> g.abort(told));
    }

    /** Whatever fails here, the group is closed at the end: the others wait for this host. */
    @Override
    @SuppressWarnings("try") // what is opened in reverse order is only closed
    public void close() {
        try (ProcessGroup fourth = group.orElse(null);
                HostExchange third = exchange.orElse(null);
                Optimizer second = optimizer.orElse(null);
                Replicas first = replicas) {}
    }
}
