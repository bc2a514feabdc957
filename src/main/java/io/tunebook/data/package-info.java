/**
 * What a model learns from: corpora of documents, streamed from files of any size, and conversations in the forms
 * people keep them in. Knows nothing of tokens and models.
 *
 * <p>A document's way, in order: {@code Corpus} is the recipe; {@code Pass} is one reading of it; {@code CorpusFiles}
 * finds files; {@code SourceFile} tells what one holds; {@code JsonRecords}, {@code TextRecords} and
 * {@code TableRecords} are its {@code Records}; {@code DocumentReader} makes a {@code Document} of each;
 * {@code Cursor}s hand documents through {@code Steps} and {@code Cleaning}. A conversation is a {@code ChatExample} of
 * {@code Message}s, which {@code ChatRow} reads with {@code Turns} and {@code ToolCalls}.
 */
package io.tunebook.data;
