/**
 * Puts the kernel where Jupyter looks, and takes it away again. Knows nothing of cells.
 *
 * <p>In order: {@code KernelSpecInstaller} writes a kernelspec, {@code Wheel} a package for pip; {@code ClassArchive}
 * makes the next start fast, from a {@code FirstRun}.
 */
package io.tunebook.kernel.install;
