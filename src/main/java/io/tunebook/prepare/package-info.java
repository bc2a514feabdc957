/**
 * A corpus made ready for training at its real size: read, cleaned, without duplicates, tokenized, in shards that
 * {@link io.tunebook.dataset.Dataset} reads. Memory is bounded by a setting, and what was done is done once. Knows
 * nothing of training.
 *
 * <p>In order: {@code PrepareOptions} say what is done and {@code Plan} where; {@code Preparation} does it on one
 * machine: {@code UnitReader} reads a unit's files and keeps documents in a {@code PartFile}, {@code KeyBuckets} and
 * {@code Duplicates} find what is there twice, {@code ShardMaker} writes shards, and {@code PreparedCorpus} is the
 * result. {@code Work} is the folder of what is done so far.
 */
package io.tunebook.prepare;
