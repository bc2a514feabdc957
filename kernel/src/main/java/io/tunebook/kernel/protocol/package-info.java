/** Jupyter's messaging protocol 5.4 over ZeroMQ. It knows messages and sockets, not what they mean. */
package io.tunebook.kernel.protocol;
