/**
 * What a model learns from: corpora of documents, streamed from files of any size, and conversations in the forms
 * people keep them in.
 */
package io.tunebook.data;
