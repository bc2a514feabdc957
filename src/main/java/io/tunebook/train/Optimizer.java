package io.tunebook.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.TorchScript;
import java.util.List;

/** AdamW over all factors at once. Its two moments are float32 arrays of the factors' size on the factors' device. */
final class Optimizer implements AutoCloseable {
    private final TrainingArguments arguments;
    private final NDManager manager;
    private final NDArray parameters;
    private final NDArray mean;
    private final NDArray square;
    private final NDArray steps;
    private final TorchScript script;

    Optimizer(NDArray parameters, TrainingArguments arguments) {
        this.arguments = arguments;
        this.parameters = parameters;
        manager = parameters.getManager().newSubManager(parameters.getDevice());
        mean = manager.zeros(parameters.getShape());
        square = manager.zeros(parameters.getShape());
        steps = manager.zeros(new Shape());
        script = TorchScript.load(manager, "Optimizer", Optimizer.class, "optimizer.py");
    }

    /** Euclidean norm of the gradient over all factors. */
    double norm(NDArray gradient) {
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            return script.call(scope, "norm", a.tensor(gradient)).get(0).getFloat();
        }
    }

    /**
     * One step. The gradient is zero afterwards.
     *
     * @param norm the gradient's norm, by which it is clipped as by {@code torch.nn.utils.clip_grad_norm_}
     */
    void step(NDArray gradient, double norm, double rate) {
        double most = arguments.maxGradientNorm();
        double scale = most > 0 ? Math.min(1, most / (norm + 1e-6)) : 1;
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            List.of(parameters, gradient, mean, square, steps).forEach(t -> a.tensors(List.of(t)));
            a.real(scale).real(rate).real(arguments.beta1()).real(arguments.beta2());
            a.real(arguments.weightDecay()).real(arguments.epsilon());
            script.call(scope, "step", a);
        }
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
        script.close();
        manager.close();
    }
}
