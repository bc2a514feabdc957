/**
 * From text to the ids a model was trained on and back: the model's own tokenizer, its chat template, and pictures of
 * both.
 */
package io.tunebook.tokenizer;
