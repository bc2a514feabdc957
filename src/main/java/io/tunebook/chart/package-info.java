/** Pictures and tables for notebooks: the live loss curve, histograms, lines and bars, tables as HTML. */
package io.tunebook.chart;
