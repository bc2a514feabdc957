package io.tunebook.cuda;

/**
 * The sizes that decide whether the kernels can compute something.
 *
 * @param hidden elements of a residual's row
 * @param inner elements between the two products of a feed-forward layer
 * @param head elements of an attention head
 * @param vocabulary elements of a row of logits
 */
public record Widths(int hidden, int inner, int head, int vocabulary) {
    /** Whether rows are multiples of what a thread works on, and no longer than what a block works on. */
    public boolean fit() {
        return hidden % 8 == 0 && hidden <= 8192 && inner % 8 == 0 && head % 16 == 0 && vocabulary % 8 == 0;
    }
}
