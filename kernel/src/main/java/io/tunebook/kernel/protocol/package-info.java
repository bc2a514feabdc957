/**
 * Jupyter's messaging protocol 5.4 over ZeroMQ. It knows messages and sockets, not what they mean.
 *
 * <p>In order: {@code ConnectionFile} says where; {@code Channels} has the five sockets, {@code Broadcast} the one to
 * all; {@code Wire} makes a signed {@code Message} of frames; {@code Transport} is what the rest of the kernel sees of
 * it. {@code ChildKernel} is the other side. {@code Memory} is what is kept for a full heap.
 */
package io.tunebook.kernel.protocol;
