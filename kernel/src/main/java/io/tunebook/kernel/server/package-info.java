/**
 * What Jupyter's messages mean: a table of their types, each with its handler, the channels that may carry it and the
 * thread that answers it. Knows nothing of JShell and of frames.
 *
 * <p>In order: {@code Kernel} has the table and takes each {@code Request} to its {@code Lane}; {@code Cells},
 * {@code CodeHelp} and {@code CommMessages} answer in {@code Replies}; {@code Frontends} are told what happens;
 * {@code Starting} is the session that may not be complete yet. {@code History} keeps the cells, {@code Subshells} run
 * some beside others, and {@code Succession} puts a kernel with other options in the place of this one, through a
 * {@code Relay}.
 */
package io.tunebook.kernel.server;
