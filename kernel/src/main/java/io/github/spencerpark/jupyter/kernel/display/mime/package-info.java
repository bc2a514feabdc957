/** The names of IJava's MIME types. */
package io.github.spencerpark.jupyter.kernel.display.mime;
