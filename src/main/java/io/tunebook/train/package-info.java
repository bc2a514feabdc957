/** Training: what is set, the loop, the optimiser, checkpoints and reports. */
package io.tunebook.train;
