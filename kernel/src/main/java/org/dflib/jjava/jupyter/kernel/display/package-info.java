/** The names of JJava's display API; the types behind them are IJava's. */
package org.dflib.jjava.jupyter.kernel.display;
