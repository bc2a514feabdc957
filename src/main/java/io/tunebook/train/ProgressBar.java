package io.tunebook.train;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import java.util.Locale;

/** One line under the cell: steps done, time left, loss, speed and memory; and sample answers, printed as they come. */
final class ProgressBar implements TrainingListener {
    private Progress bar;

    @Override
    public void started(TrainingReport soFar) {
        bar = Display.progress(soFar.plannedSteps(), "Training");
    }

    @Override
    public void progressed(TrainingReport soFar) {
        if (!soFar.steps().isEmpty()) {
            TrainingReport.Step s = soFar.steps().get(soFar.steps().size() - 1);
            bar.message(String.format(
                    Locale.ROOT,
                    "loss %.4f · rate %.2g · norm %.2f · %,.0f tokens/s · %,d MB",
                    s.loss(),
                    s.learningRate(),
                    s.gradientNorm(),
                    s.tokensPerSecond(),
                    s.memory() / 1_000_000));
            bar.at(s.step());
        }
    }

    @Override
    public void sampled(TrainingReport.Sample sample) {
        System.out.println("step " + sample.step() + " · " + sample.prompt() + "\n    "
                + sample.answer().strip().replace("\n", "\n    "));
    }

    @Override
    public void finished(TrainingReport report) {
        bar.close();
    }

    @Override
    public void failed(TrainingReport soFar, Throwable failure) {
        if (bar != null) {
            bar.close();
        }
    }
}
