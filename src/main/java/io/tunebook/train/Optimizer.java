package io.tunebook.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.tunebook.cuda.CudaEvent;
import io.tunebook.model.TorchScript;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;

/**
 * AdamW over all factors at once. Its two moments are float32 arrays of the factors' size on the factors' device. A GPU
 * is not waited for: what a step found is read later, in the order of the steps, while the next one is computed.
 */
final class Optimizer implements AutoCloseable {
    /** One step's results are read while those of the next are written. */
    private static final int SLOTS = 2;

    private final TrainingArguments arguments;
    private final NDManager manager;
    private final NDArray parameters;
    private final NDArray mean;
    private final NDArray square;
    private final NDArray steps;
    private final NDArray stopped;
    private final TorchScript script;
    private final Queue<Slot> free = new ArrayDeque<>();
    private final Queue<Slot> started = new ArrayDeque<>();

    /**
     * What a step found.
     *
     * @param losses the summed losses of its micro-batches
     * @param norm the gradient's Euclidean norm over all factors, before clipping
     */
    record Result(double losses, double norm) {}

    /** Where a step's results come to lie: on a GPU with events, in pinned memory. */
    private record Slot(Optional<CudaEvent> event, NDArray host) {}

    Optimizer(NDArray parameters, TrainingArguments arguments) {
        this.arguments = arguments;
        this.parameters = parameters;
        manager = parameters.getManager().newSubManager(parameters.getDevice());
        mean = manager.zeros(parameters.getShape());
        square = manager.zeros(parameters.getShape());
        steps = manager.zeros(new Shape());
        stopped = manager.zeros(new Shape(1));
        script = TorchScript.load(manager, "Optimizer", Optimizer.class, "optimizer.py");
        for (int i = 0; i < SLOTS; i++) {
            Optional<CudaEvent> event = CudaEvent.on(parameters.getDevice());
            free.add(new Slot(event, event.isPresent() ? pinned() : manager.zeros(new Shape(2), DataType.FLOAT64)));
        }
    }

    private NDArray pinned() {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            return script.call(manager, "pinned", a).get(0);
        }
    }

    /**
     * Starts a step. Gradient and losses are zero afterwards. A gradient or losses that are not finite leave the
     * factors as they are, now and in all later steps.
     *
     * @param losses float64 [1], summed losses, which are among the results
     * @throws IllegalStateException if the results of two steps are not yet taken
     */
    void step(NDArray gradient, NDArray losses, double rate) {
        Slot slot = free.remove();
        try (NDManager scope = manager.newSubManager()) {
            NDArray results;
            try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                List.of(parameters, gradient, mean, square, steps).forEach(t -> a.tensors(List.of(t)));
                a.tensor(stopped)
                        .tensor(losses)
                        .real(arguments.maxGradientNorm())
                        .real(rate);
                a.real(arguments.beta1()).real(arguments.beta2());
                a.real(arguments.weightDecay()).real(arguments.epsilon());
                results = script.call(scope, "step", a).get(0);
            }
            try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                script.call(scope, "send", a.tensor(results).tensor(slot.host));
            }
        }
        slot.event.ifPresent(CudaEvent::mark);
        started.add(slot);
    }

    /**
     * How many steps may be started before the results of the first are to be taken: none where whoever asks for them
     * waits for all that is started.
     */
    int ahead() {
        return free.stream().anyMatch(slot -> slot.event.isPresent()) ? SLOTS - 1 : 0;
    }

    /** The results of the first step whose results are not taken; waits for it. */
    Result take() {
        Slot slot = started.remove();
        slot.event.ifPresent(CudaEvent::await);
        double[] found = slot.host.toDoubleArray();
        free.add(slot);
        return new Result(found[0], found[1]);
    }

    /** The gradient's running mean, for a checkpoint. */
    float[] mean() {
        return mean.toFloatArray();
    }

    /** The running mean of its square, for a checkpoint. */
    float[] square() {
        return square.toFloatArray();
    }

    /** Goes on from a checkpoint. */
    void restore(float[] savedMean, float[] savedSquare, int savedSteps) {
        mean.set(savedMean);
        square.set(savedSquare);
        steps.set(new float[] {savedSteps});
    }

    @Override
    public void close() {
        free.addAll(started);
        free.forEach(slot -> slot.event.ifPresent(CudaEvent::close));
        script.close();
        manager.close();
    }
}
