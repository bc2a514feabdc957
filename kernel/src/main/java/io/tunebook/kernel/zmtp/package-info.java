/**
 * The part of ZeroMQ's protocol, ZMTP 3.0 with the mechanism NULL, that a kernel needs as the side that listens. It is here, and no library does it, because
 * a kernel must bound what strangers send before their signature is known, must go on when a cell has filled the heap, and must listen on Unix domain
 * sockets. It knows frames, not Jupyter.
 *
 * @see <a href="https://rfc.zeromq.org/spec/23/">ZMTP 3.0</a>
 */
package io.tunebook.kernel.zmtp;
