/** What Jupyter's messages mean: a table of their types, each with its handler, the channels that may carry it and the thread that answers it. */
package io.tunebook.kernel.server;
