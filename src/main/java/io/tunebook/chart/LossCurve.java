package io.tunebook.chart;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.picture.Words;
import io.tunebook.train.TrainingListener;
import io.tunebook.train.TrainingReport;
import java.awt.BasicStroke;
import java.util.Locale;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The training and the held-out loss, drawn in place while they come: at most two frames a second, fewer where drawing
 * would take more than a twentieth of the time; the last frame stays in the notebook.
 */
public final class LossCurve implements TrainingListener {
    private static final long FRAME = 500_000_000; // ns
    private static final int SHARE = 20;

    private String shown;
    private long next;

    private LossCurve() {}

    /** A curve for one run: give it to {@code Trainer.on}. */
    public static LossCurve live() {
        return new LossCurve();
    }

    /** The curve of a run that is over. */
    public static MimeBundle of(TrainingReport report) {
        return draw(report);
    }

    @Override
    public void progressed(TrainingReport soFar) {
        if (System.nanoTime() - next >= 0 || shown == null) {
            show(soFar);
        }
    }

    @Override
    public void finished(TrainingReport report) {
        show(report);
    }

    @Override
    public void failed(TrainingReport soFar, Throwable failure) {
        if (shown != null) {
            show(soFar);
        }
    }

    private void show(TrainingReport report) {
        long start = System.nanoTime();
        MimeBundle frame = draw(report);
        if (shown == null) {
            shown = Display.display(frame);
        } else {
            Display.update(shown, frame);
        }
        long end = System.nanoTime();
        next = end + Math.max(FRAME, SHARE * (end - start));
    }

    private static MimeBundle draw(TrainingReport report) {
        var steps = report.steps();
        var heldOut = report.evaluations();
        double[] x = steps.stream().mapToDouble(TrainingReport.Step::step).toArray();
        double[] y = steps.stream().mapToDouble(TrainingReport.Step::loss).toArray();
        double[] heldOutX =
                heldOut.stream().mapToDouble(TrainingReport.Evaluation::step).toArray();
        double[] heldOutY =
                heldOut.stream().mapToDouble(TrainingReport.Evaluation::loss).toArray();
        XYChart chart = Charts.xy(word("loss.title"), word("loss.step"), word("loss.unit"));
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax((double) Math.max(1, report.plannedSteps()));
        int window = Math.max(1, steps.size() / 50);
        double[][] training = Charts.finite(word("loss.training"), x, smooth(y, window));
        double[][] evaluated = Charts.finite(word("loss.held.out"), heldOutX, heldOutY);
        if (training[0].length > 0) {
            chart.addSeries(word("loss.training"), training[0], training[1])
                    .setMarker(SeriesMarkers.NONE)
                    .setLineColor(ChartTheme.series(0))
                    .setLineStyle(new BasicStroke(2f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        }
        if (evaluated[0].length > 0) {
            chart.addSeries(word("loss.held.out"), evaluated[0], evaluated[1])
                    .setMarker(SeriesMarkers.CIRCLE)
                    .setMarkerColor(ChartTheme.series(1))
                    .setLineColor(ChartTheme.series(1))
                    .setLineStyle(new BasicStroke(
                            2f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND, 10f, new float[] {6f, 5f}, 0f));
        }
        return Charts.png(chart, words(report));
    }

    /** The mean of the last values up to each; noise would hide the trend of a long run. */
    private static double[] smooth(double[] y, int window) {
        return IntStream.range(0, y.length)
                .mapToDouble(i -> IntStream.rangeClosed(Math.max(0, i - window + 1), i)
                        .mapToDouble(j -> y[j])
                        .average()
                        .orElseThrow())
                .toArray();
    }

    private static String words(TrainingReport report) {
        if (report.steps().isEmpty()) {
            return word("loss.none");
        }
        var last = report.steps().get(report.steps().size() - 1);
        String text = word("loss.words", last.step(), report.plannedSteps(), loss(last.loss()));
        return report.evaluations().isEmpty()
                ? text
                : text + word("loss.words.held.out", loss(report.lastHeldOutLoss()));
    }

    private static String loss(double loss) {
        return String.format(Locale.ROOT, "%.4f", loss);
    }

    private static String word(String key, Object... values) {
        return Words.COURSE.of(key, values);
    }
}
