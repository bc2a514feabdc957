/**
 * From text to the ids that a model was trained on and back: the model's own tokenizer, its chat template, and views of
 * both. Knows nothing of what a model computes.
 *
 * <p>Tokenizing, in order: {@code Vocabulary} reads a model's files, with {@code GgufVocabulary} for GGUF,
 * {@code SpecialTokens} and {@code TokenizerCheck}; {@code Tokenizer} makes an {@code Encoding} with the library in
 * {@code NativeTokenizer}, or ids alone with {@code ByteLevelBpe} and its {@code BpeTables}; {@code AddedTokens} stand
 * around a text; {@code StreamingDecoder} goes back to text.
 *
 * <p>Conversations, in order: {@code ChatTemplate} renders {@code ChatTurn}s; {@code AnswerSpans} finds what training
 * learns; {@code TrainingTemplate} writes an answer as generation does; {@code DefaultSystem} is what a template adds
 * by itself.
 */
package io.tunebook.tokenizer;
