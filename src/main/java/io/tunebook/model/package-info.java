/**
 * A model that computes: where it lies, its weights on a device, the decoder's text and the one class that calls it, generation. Knows nothing of LoRA's
 * configuration, of training and of conversations; what families of models are is in {@link io.tunebook.model.family}.
 */
package io.tunebook.model;
