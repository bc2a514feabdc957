/** Training: examples as tokens, batches of them, the optimiser and its loop. */
package io.tunebook.train;
