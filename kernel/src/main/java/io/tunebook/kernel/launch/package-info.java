/** How a JVM with this kernel is started, and which version of it this is. */
package io.tunebook.kernel.launch;
