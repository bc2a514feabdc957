/** A Java kernel for Jupyter. */
package io.tunebook.kernel;
