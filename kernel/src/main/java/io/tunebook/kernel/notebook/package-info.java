/** Notebook files, and running them without a frontend. */
package io.tunebook.kernel.notebook;
