package io.tunebook.model;

/**
 * What a recording of a step has room for.
 *
 * @param tokens in all documents
 * @param documents so many, empty ones too
 * @param labels so many places whose next token may count
 * @param longest a document may have so many tokens
 * @param same so many documents of one length each; 0 where lengths differ
 */
record RecordedSize(int tokens, int documents, int labels, int longest, int same) {
    /** Whether a batch of that size can be padded to this one: the padding is a document too, and not longer than the longest. */
    boolean holds(RecordedSize other) {
        return equals(other)
                || same == 0
                        && other.same == 0
                        && tokens >= other.tokens
                        && documents >= other.documents
                        && labels >= other.labels
                        && longest >= other.longest
                        && longest >= tokens - other.leastTokens();
    }

    /** A batch of this size has at least so many tokens, since no rounding of {@link BatchInputs#tokens} adds more. */
    private int leastTokens() {
        return Math.max(0, tokens - Math.max(128, tokens / 8));
    }

    /**
     * The work of a step, in tokens. A label's share, the logits of a vocabulary, is a fifth of a token's for 1.5 billion parameters and 150,000 ids, and less
     * for larger models.
     */
    double work() {
        return tokens + labels / 5.0;
    }
}
