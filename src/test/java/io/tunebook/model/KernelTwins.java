package io.tunebook.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.cuda.CpuOperators;
import io.tunebook.model.TorchScript.Arguments;
import java.util.List;

/** Computes on a CPU what the kernels do: each by the function {@code kernel_NAME} of {@code kernel_twins.py} or
 * {@code kernel_twins_mlp.py}. */
final class KernelTwins {
    private static final Device CPU = Device.cpu();

    private final TorchScript script = TorchScript.load(
            NDManager.newBaseManager(CPU),
            "KernelTwins",
            DecoderScript.class,
            "blocks.py",
            "quantized.py",
            "norm.py",
            "rotary.py",
            "mlp.py",
            "kernel_twins.py",
            "kernel_twins_mlp.py");

    private KernelTwins() {}

    /** Registers them as operators, once in a process. */
    static CpuOperators register() {
        return CpuOperators.register(new KernelTwins()::compute);
    }

    private void compute(String kernel, List<Object> arguments) {
        try (Arguments a = new Arguments()) {
            for (Object argument : arguments) {
                if (argument instanceof NDArray tensor) {
                    a.tensor(tensor);
                } else if (argument instanceof Double real) {
                    a.real(real);
                } else {
                    a.number((Long) argument);
                }
            }
            script.run(CPU, "kernel_" + kernel, a);
        }
    }
}
