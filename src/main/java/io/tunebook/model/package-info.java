/**
 * A model that computes: where it lies, its weights on a device, the decoder's text and the one class that calls it,
 * generation. Knows nothing of LoRA's configuration, of training and of conversations; what families of models are is
 * in {@link io.tunebook.model.family}.
 *
 * <p>Loading, in order: {@code ModelSource} finds a model, with {@code HubModel} and {@code ModelFolder};
 * {@code LoadOptions} say how; {@code Weights} finds the tensors in {@code WeightFiles}, packed ones with
 * {@code PackedWeights} and {@code FusedExperts}; {@code DeviceWeights} brings them to one of the {@code Devices} in a
 * {@code Precision} and a {@code Storage}.
 *
 * <p>Computing, in order: {@code CausalLM} is the model; a {@code TokenBatch} becomes {@code BatchInputs};
 * {@code DecoderScript} calls the text, which {@code ScriptText} and {@code TorchScript} load, with a
 * {@code RotaryTable} and a {@code KvCache}; {@code GradientSteps} go forward and backward in {@code RecordedSizes},
 * for the {@code Factors} of the adapter in {@code AdapterUse}; {@code Generator} writes on from a text, which is a
 * {@code Continuation} by PyTorch or, on a CPU, by the {@code LlamaWriter} with the adapter as a {@code GgufAdapter};
 * {@code AttentionWeights} shows what heads look at.
 */
package io.tunebook.model;
