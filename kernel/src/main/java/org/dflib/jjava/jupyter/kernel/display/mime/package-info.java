/** The names of JJava's MIME types. */
package org.dflib.jjava.jupyter.kernel.display.mime;
