package io.tunebook.chart;

import io.tunebook.kernel.display.MimeBundle;
import java.awt.BasicStroke;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.imageio.ImageIO;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Charts as PNG of twice the size shown, for sharp screens, with a text that says the same to those who do not see it.
 * Values that are not finite are left out. On a machine without fonts the text comes alone, with what to do: neither a
 * training run nor a pass over a corpus is to end for it.
 */
public final class Charts {
    static final int WIDTH = 640;
    static final int HEIGHT = 360;
    private static final int BINS = 30;

    private Charts() {}

    /**
     * A curve through points.
     *
     * @throws IllegalArgumentException if there are not as many x as y
     */
    public static MimeBundle line(String title, String xLabel, String yLabel, double[] x, double[] y) {
        return line(title, xLabel, yLabel, Map.of(yLabel, new double[][] {x, y}));
    }

    /**
     * Several curves.
     *
     * @param series name to {x, y}
     */
    public static MimeBundle line(String title, String xLabel, String yLabel, Map<String, double[][]> series) {
        XYChart chart = xy(title, xLabel, yLabel);
        chart.getStyler().setLegendVisible(series.size() > 1);
        List<String> words = new ArrayList<>();
        series.forEach((name, xy) -> {
            double[][] points = finite(name, xy[0], xy[1]);
            if (points[0].length > 0) {
                chart.addSeries(name, points[0], points[1])
                        .setMarker(SeriesMarkers.NONE)
                        .setLineStyle(new BasicStroke(2f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
                words.add(String.format(
                        Locale.ROOT,
                        "%s from %s to %s over %s %s to %s",
                        name,
                        number(points[1][0]),
                        number(points[1][points[1].length - 1]),
                        xLabel,
                        number(points[0][0]),
                        number(points[0][points[0].length - 1])));
            }
        });
        return png(chart, title + ": " + (words.isEmpty() ? "no points" : String.join("; ", words)));
    }

    /** How often values of each size occur, in up to 30 bins of equal width. */
    public static MimeBundle histogram(String title, String label, double[] values) {
        return histogram(title, label, values, BINS);
    }

    /** The same for whole numbers. */
    public static MimeBundle histogram(String title, String label, int[] values) {
        return histogram(title, label, Arrays.stream(values).asDoubleStream().toArray(), BINS);
    }

    /**
     * How often values of each size occur.
     *
     * @param label what is counted, with its unit
     * @param most bins at most; their edges are round numbers
     * @throws IllegalArgumentException if there is no finite value or not at least one bin
     */
    public static MimeBundle histogram(String title, String label, double[] values, int most) {
        double[] sorted =
                Arrays.stream(values).filter(Double::isFinite).sorted().toArray();
        if (sorted.length == 0 || most < 1) {
            throw new IllegalArgumentException("expected at least one finite value and one bin, found " + sorted.length
                    + " values and " + most + " bins");
        }
        double width = round((sorted[sorted.length - 1] - sorted[0]) / most);
        double low = Math.floor(sorted[0] / width) * width;
        int bins = (int) ((sorted[sorted.length - 1] - low) / width) + 1;
        double[] counts = new double[bins];
        for (double v : sorted) {
            counts[(int) Math.min(bins - 1, (v - low) / width)]++;
        }
        // Bars are drawn as an area of steps on a numeric axis: category ticks would be unreadable numbers.
        double[] x = new double[2 * bins + 2];
        double[] y = new double[2 * bins + 2];
        for (int i = 0; i < bins; i++) {
            x[2 * i + 1] = low + i * width;
            x[2 * i + 2] = low + (i + 1) * width;
            y[2 * i + 1] = counts[i];
            y[2 * i + 2] = counts[i];
        }
        x[0] = low;
        x[2 * bins + 1] = low + bins * width;
        XYChart chart = xy(title, label, "count");
        chart.getStyler().setLegendVisible(false);
        chart.getStyler().setYAxisMin(0.0);
        chart.getStyler().setDefaultSeriesRenderStyle(org.knowm.xchart.XYSeries.XYSeriesRenderStyle.Area);
        var blue = ChartTheme.series(0);
        chart.addSeries(label, x, y)
                .setMarker(SeriesMarkers.NONE)
                .setLineColor(blue)
                .setFillColor(new java.awt.Color(blue.getRed(), blue.getGreen(), blue.getBlue(), 0x90));
        return png(
                chart,
                String.format(
                        Locale.ROOT,
                        "%s: %,d values of %s from %s to %s, median %s",
                        title,
                        sorted.length,
                        label,
                        number(sorted[0]),
                        number(sorted[sorted.length - 1]),
                        number(sorted[sorted.length / 2])));
    }

    /**
     * One bar for each name, in the map's order.
     *
     * @param label what the bars measure, with its unit
     * @throws IllegalArgumentException if the map is empty
     */
    public static MimeBundle bar(String title, String label, Map<String, ? extends Number> values) {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("expected at least one bar, found none");
        }
        Map<String, Double> finite = new LinkedHashMap<>();
        values.forEach((name, v) -> finite.put(name, Double.isFinite(v.doubleValue()) ? v.doubleValue() : 0.0));
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .yAxisTitle(label)
                .build();
        theme(chart);
        chart.getStyler().setLegendVisible(false);
        chart.getStyler().setAvailableSpaceFill(0.6);
        if (finite.size() > 8
                || finite.keySet().stream().mapToInt(String::length).sum() > 80) {
            chart.getStyler().setXAxisLabelRotation(35);
        }
        chart.addSeries(label, List.copyOf(finite.keySet()), List.copyOf(finite.values()))
                .setFillColor(ChartTheme.series(0));
        StringBuilder words =
                new StringBuilder(title).append(" (").append(label).append("): ");
        finite.forEach(
                (name, v) -> words.append(name).append(' ').append(number(v)).append(", "));
        return png(chart, words.substring(0, words.length() - 2));
    }

    static XYChart xy(String title, String xLabel, String yLabel) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle(xLabel)
                .yAxisTitle(yLabel)
                .build();
        theme(chart);
        return chart;
    }

    private static void theme(Chart<?, ?> chart) {
        chart.getStyler().setTheme(new ChartTheme());
    }

    /** The next of 1, 2 or 5 times a power of ten. */
    private static double round(double width) {
        if (width <= 0) {
            return 1;
        }
        double power = Math.pow(10, Math.floor(Math.log10(width)));
        double lead = width / power;
        return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
    }

    /** @return {x, y} of the points that are finite */
    static double[][] finite(String name, double[] x, double[] y) {
        if (x.length != y.length) {
            throw new IllegalArgumentException(
                    name + ": expected as many x as y, found " + x.length + " and " + y.length);
        }
        double[][] points = new double[2][x.length];
        int n = 0;
        for (int i = 0; i < x.length; i++) {
            if (Double.isFinite(x[i]) && Double.isFinite(y[i])) {
                points[0][n] = x[i];
                points[1][n++] = y[i];
            }
        }
        return new double[][] {Arrays.copyOf(points[0], n), Arrays.copyOf(points[1], n)};
    }

    /** Up to four significant digits, without an exponent where it can be helped. */
    static String number(double v) {
        double size = Math.abs(v);
        if (v == Math.rint(v) && size < 1e15) {
            return String.format(Locale.ROOT, "%,d", (long) v);
        }
        return String.format(Locale.ROOT, size >= 1000 ? "%,.0f" : size >= 0.01 ? "%.4g" : "%.3e", v);
    }

    /**
     * Paints a chart at twice its size onto nothing.
     *
     * @param alt what to say where the picture cannot be seen
     */
    static MimeBundle png(Chart<?, ?> chart, String alt) {
        if (ChartTheme.missing().isPresent()) {
            return MimeBundle.of(
                    MimeBundle.TEXT, alt + "\n" + ChartTheme.missing().get());
        }
        BufferedImage image =
                new BufferedImage(2 * chart.getWidth(), 2 * chart.getHeight(), BufferedImage.TYPE_INT_ARGB);
        Graphics2D g = image.createGraphics();
        try {
            g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            g.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
            g.setRenderingHint(RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
            g.scale(2, 2);
            chart.paint(g, chart.getWidth(), chart.getHeight());
        } finally {
            g.dispose();
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, "png", out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return MimeBundle.of(
                        MimeBundle.PNG, Base64.getEncoder().encodeToString(out.toByteArray()), MimeBundle.TEXT, alt)
                .withMetadata(
                        MimeBundle.PNG, Map.of("width", chart.getWidth(), "height", chart.getHeight(), "alt", alt));
    }
}
