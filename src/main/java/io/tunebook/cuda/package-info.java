/**
 * NVIDIA cards: kernels that are compiled where they run, and work that is recorded once and replayed. Each device has an instance of its own
 * with its own kernels and failures. It knows nothing of models: what is computed comes as numbers, tensors and functions.
 *
 * <p>Everything that is called in libraries of others stands in one table, {@link io.tunebook.cuda.ForeignFunction}.
 */
package io.tunebook.cuda;
