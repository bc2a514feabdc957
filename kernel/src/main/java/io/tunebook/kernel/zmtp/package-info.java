/**
 * The part of ZeroMQ's protocol, ZMTP 3.0 with the mechanism NULL, that a kernel needs as the side that listens. It is
 * here, and no library does it, because a kernel must bound what strangers send before their signature is known, must
 * go on when a cell has filled the heap, and must listen on Unix domain sockets. Knows nothing of Jupyter: it has
 * frames, whatever they mean.
 *
 * <p>In order: {@code Listener} listens at an address; {@code IoThread} reads and writes all connections; each is a
 * {@code Peer}, whose bytes {@code Incoming} takes apart and {@code Frames} makes, within a {@code Budget}.
 * {@code Client} is the other side.
 *
 * @see <a href="https://rfc.zeromq.org/spec/23/">ZMTP 3.0</a>
 */
package io.tunebook.kernel.zmtp;
