/**
 * What families of models are: one file a family says how its configuration is read from {@code config.json} and from
 * GGUF, which tensors it has under which names in either, and what is stored permuted. Knows nothing of devices and of
 * arithmetic.
 */
package io.tunebook.model.family;
