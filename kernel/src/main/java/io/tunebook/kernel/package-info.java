/**
 * A Java kernel for Jupyter: {@code Main} has the commands. Every package below knows nothing of it, and of the others
 * only what its own page says.
 */
package io.tunebook.kernel;
