/** The command lines of the kernel's programs. */
package io.tunebook.kernel.options;
