/**
 * Pictures and tables for notebooks: the live loss curve, histograms, lines and bars, tables as HTML. Knows nothing of
 * models.
 *
 * <p>In order: {@code Charts} draws by a {@code ChartTheme}; {@code LossCurve} is the chart of a training;
 * {@code TableView} shows tables.
 */
package io.tunebook.chart;
