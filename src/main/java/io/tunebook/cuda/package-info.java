/**
 * NVIDIA cards: kernels that are compiled where they run, and work that is recorded once and replayed. Each device has
 * an instance of its own with its own kernels and failures. It knows nothing of models: what is computed comes as
 * numbers, tensors and functions.
 *
 * <p>In order: {@code CudaDevice} is a card; {@code KernelText} is {@code kernels.cu}, which {@code Nvrtc} compiles and
 * keeps; {@code KernelOperators} make the kernels known to TorchScript, and {@code Launcher} starts them by
 * {@code DirectCalls}; {@code GraphCache} has a {@code CudaGraph} for each shape; {@code CudaEvent} marks a place in
 * the work. Everything that is called in libraries of others stands in one table,
 * {@link io.tunebook.cuda.ForeignFunction}, by {@code ForeignLibrary}.
 */
package io.tunebook.cuda;
