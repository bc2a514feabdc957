/**
 * How a JVM with this kernel is started, and which version of it this is. Knows nothing of the rest of the kernel.
 *
 * <p>In order: {@code JvmOptions} are what a notebook asks for; {@code KernelProcess} makes the command;
 * {@code Version} is this build's.
 */
package io.tunebook.kernel.launch;
