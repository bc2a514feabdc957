/**
 * Training: what is set, the loop, the optimiser, checkpoints and reports. Knows nothing of files of text and of what
 * the decoder's text computes.
 *
 * <p>In order: {@code TrainingArguments} with a {@code Schedule} are what is set; {@code Trainer} begins and
 * {@code TrainingRun} is the loop; {@code Replicas} compute a step on every device; {@code Optimizer} changes the
 * factors; {@code Checkpoint} keeps the state, and {@code Fingerprint} says whether it fits; {@code TrainingListener}s
 * are told the {@code TrainingReport}, and {@code TrainingLog} writes it. {@code MemoryEstimate} and {@code Diagnosis}
 * say why a run does not fit or cannot go on; {@code Trainer.export} hands it over to PEFT.
 */
package io.tunebook.train;
