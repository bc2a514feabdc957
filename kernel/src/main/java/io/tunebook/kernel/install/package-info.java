/** Puts the kernel where Jupyter looks, and takes it away again. */
package io.tunebook.kernel.install;
