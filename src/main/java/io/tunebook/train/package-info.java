/**
 * Training: what is set, the loop, the optimiser, checkpoints and reports. Knows nothing of files of text and of what
 * the decoder's text computes.
 *
 * <p>In order: {@code TrainingArguments} with a {@code Schedule} are what is set; {@code Trainer} begins,
 * {@code RunPlan} says how much there is to do, and {@code TrainingRun} is the loop; {@code UpdateStep} is one step:
 * {@code Replicas} compute it on every device, {@code HostExchange} adds up what other hosts computed, and
 * {@code Optimizer} changes the factors; {@code Checkpoint} keeps the state, and {@code Fingerprint} says whether it
 * fits; {@code TrainingListener}s are told the {@code TrainingReport}, and {@code TrainingLog} writes it.
 * {@code MemoryEstimate} and {@code Diagnosis} say why a run does not fit or cannot go on; {@code Trainer.export} hands
 * it over to PEFT.
 */
package io.tunebook.train;
