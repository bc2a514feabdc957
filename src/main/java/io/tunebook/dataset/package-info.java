/**
 * Examples as tokens: ids with their labels in memory or in a file on disk, and the batches that are made of them,
 * padded or packed. Knows nothing of training.
 *
 * <p>In order: {@code ChatTokens} and {@code TextTokens} make tokens; {@code TokenFileWriter} writes and
 * {@code TokenFile} holds them; {@code Dataset} is what one works with, {@code DatasetSummary} tells of it;
 * {@code Packing} makes batches.
 */
package io.tunebook.dataset;
