/** Questions that were written before the training, and what a model answers to them. It knows nothing of models. */
package io.tunebook.evaluate;
