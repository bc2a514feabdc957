/**
 * Several processes, one a host, that add numbers up together: who they are, how they meet, and what they send. Knows
 * nothing of models and training.
 *
 * <p>In order: {@code Hosts} is what is set; {@code Rendezvous} brings the processes together, by a {@code Handshake}
 * over a {@code TimedChannel}; a {@code HostConnection} sends signed frames to one other host; {@code ProcessGroup} has
 * the operations of all.
 */
package io.tunebook.hosts;
