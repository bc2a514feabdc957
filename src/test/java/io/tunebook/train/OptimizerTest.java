package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OptimizerTest {
    /**
     * As many numbers as a small model's adapter has: sums of so many squares in float32 are off in the fourth digit.
     */
    private static final int MANY = 5_000_000;

    @Test
    void theNormOfALargeGradientIsExactAndAStepIsAdamWsFirst() {
        float[] gradient = new float[MANY];
        Random random = new Random(1);
        double squares = 0;
        for (int i = 0; i < MANY; i++) {
            gradient[i] = (float) (random.nextGaussian() * Math.exp(3 * random.nextGaussian()) * 1e-6);
            squares += (double) gradient[i] * gradient[i];
        }
        double norm = Math.sqrt(squares);
        TrainingArguments arguments = TrainingArguments.defaults().maxGradientNorm(norm / 2);
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray parameters = manager.zeros(new Shape(MANY));
            NDArray losses = manager.create(new double[] {3.5});
            try (Optimizer optimizer = new Optimizer(parameters, arguments)) {
                optimizer.step(manager.create(gradient), losses, 0.5);
                Optimizer.Result result = optimizer.take();
                assertThat(result.losses()).isEqualTo(3.5);
                assertThat(result.norm()).isCloseTo(norm, within(1e-6 * norm));
                float[] stepped = parameters.toFloatArray();
                for (int i = 0; i < MANY; i += 1_001) {
                    double g = gradient[i] / 2; // clipped
                    double expected = -0.5 * g / (Math.abs(g) + 1e-8);
                    assertThat((double) stepped[i]).as("at %d", i).isCloseTo(expected, within(1e-5));
                }
                assertThat(losses.getDataType()).isEqualTo(DataType.FLOAT64);
            }
        }
    }
}
