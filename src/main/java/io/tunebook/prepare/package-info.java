/**
 * A corpus made ready for training at its real size: read, cleaned, without duplicates, tokenized, in shards that
 * {@link io.tunebook.dataset.Dataset} reads. Memory is bounded by a setting, and what was done is done once.
 */
package io.tunebook.prepare;
