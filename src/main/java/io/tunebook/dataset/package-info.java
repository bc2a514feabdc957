/**
 * Examples as tokens: ids with their labels in memory or in a file on disk, and the batches that are made of them,
 * padded or packed. Knows nothing of training.
 */
package io.tunebook.dataset;
