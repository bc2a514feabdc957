/** What a cell shows: values as MIME bundles, displays that can be updated, progress bars. */
package io.tunebook.kernel.display;
