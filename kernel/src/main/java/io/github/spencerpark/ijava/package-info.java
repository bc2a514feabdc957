/**
 * The names by which notebooks that were written for IJava reach their kernel; behind them stand this kernel's own
 * renderers.
 */
package io.github.spencerpark.ijava;
