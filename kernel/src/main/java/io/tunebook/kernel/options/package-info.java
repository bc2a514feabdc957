/**
 * The command lines of the kernel's programs. Knows nothing of the programs: {@code CommandLine} has all of it.
 */
package io.tunebook.kernel.options;
