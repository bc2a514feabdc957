package io.tunebook.model.family;

import java.util.Arrays;

/**
 * How llama.cpp keeps a tensor otherwise than Hugging Face's files do.
 *
 * @param rows their order; the values of a vector are its rows
 * @param columns their order
 * @param decay whether it keeps {@code -exp(x)} in the place of x
 */
public record GgufForm(Order rows, Order columns, boolean decay) {
    /** No otherwise. */
    public static final GgufForm AS_IS = new GgufForm(Order.AS_IS, Order.AS_IS, false);

    /**
     * An order: behind the first ones, which stay, what lies as [outer][a][b][inner] in Hugging Face's files lies as
     * [outer][b][a][inner] in GGUF.
     *
     * @param kept how many stay
     */
    public record Order(int kept, int outer, int a, int b, int inner) {
        static final Order AS_IS = new Order(0, 1, 1, 1, 1);

        /** The two halves of each head, interleaved. */
        static Order halves(int heads, int headDim) {
            return new Order(0, heads, 2, headDim / 2, 1);
        }

        /** Whether it is Hugging Face's. */
        public boolean asIs() {
            return a == 1 || b == 1;
        }

        /** The place in GGUF of what stands at this one in Hugging Face's files. */
        public int place(int number) {
            return moved(number, a, b);
        }

        /** The reverse: what stands at a place in GGUF. */
        public int at(int place) {
            return moved(place, b, a);
        }

        private int moved(int number, int slow, int fast) {
            if (number < kept || asIs()) {
                return number;
            }
            int group = (number - kept) / inner;
            int inGroup = (number - kept) % inner;
            int block = group / (slow * fast);
            int from = group % (slow * fast);
            return kept + ((block * fast + from % fast) * slow + from / fast) * inner + inGroup;
        }

        /** Puts so many values that stand in Hugging Face's order into GGUF's. */
        public void toGguf(float[] values, int first, int count) {
            if (!asIs()) {
                float[] before = Arrays.copyOfRange(values, first, first + count);
                for (int i = 0; i < count; i++) {
                    values[first + i] = before[at(i)];
                }
            }
        }

        /** The reverse. */
        public void fromGguf(float[] values, int first, int count) {
            if (!asIs()) {
                float[] before = Arrays.copyOfRange(values, first, first + count);
                for (int i = 0; i < count; i++) {
                    values[first + i] = before[place(i)];
                }
            }
        }

        /** As the decoder's text takes it. */
        public long[] numbers() {
            return new long[] {kept, outer, a, b, inner};
        }
    }
}
