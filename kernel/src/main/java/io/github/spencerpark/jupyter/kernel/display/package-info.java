/** The names of IJava's display API, over this kernel's renderers. */
package io.github.spencerpark.jupyter.kernel.display;
