package io.tunebook.tokenizer;

import io.tunebook.tokenizer.Encoding.Side;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The special tokens that a tokenizer puts around a text, such as a beginning of sequence.
 *
 * @param prefix those before it
 * @param suffix those behind it
 * @param token from an id to its token
 */
record AddedTokens(int[] prefix, int[] suffix, IntFunction<String> token) {
    /** Finds them by what the library makes of a text with and without them. */
    static AddedTokens of(NativeTokenizer loaded, IntFunction<String> token) {
        int[] plain = NativeTokenizer.toInts(loaded.plain());
        int[] full = NativeTokenizer.toInts(loaded.full());
        int at = Math.max(Collections.indexOfSubList(boxed(full), boxed(plain)), 0);
        return new AddedTokens(
                Arrays.copyOf(full, at), Arrays.copyOfRange(full, at + plain.length, full.length), token);
    }

    private static List<Integer> boxed(int[] values) {
        return Arrays.stream(values).boxed().toList();
    }

    /** Adds the model's special tokens on both sides. */
    Encoding around(Encoding encoding, boolean special) {
        if (!special || prefix.length + suffix.length == 0) {
            return encoding;
        }
        return encoding.extended(Side.LEFT, prefix, names(prefix), 1).extended(Side.RIGHT, suffix, names(suffix), 1);
    }

    private List<String> names(int[] of) {
        return Arrays.stream(of).mapToObj(token).toList();
    }

    int[] around(int[] ids, boolean special) {
        if (!special || prefix.length + suffix.length == 0) {
            return ids;
        }
        int[] all = Arrays.copyOf(prefix, prefix.length + ids.length + suffix.length);
        System.arraycopy(ids, 0, all, prefix.length, ids.length);
        System.arraycopy(suffix, 0, all, prefix.length + ids.length, suffix.length);
        return all;
    }

    /** Cuts an encoding without special tokens as the options say, as the tokenizers library does. */
    List<Encoding> windows(Encoding whole, Encoding.Options options) {
        if (options.maxLength() == 0) {
            return List.of(whole);
        }
        int room = options.maxLength() - (options.special() ? prefix.length + suffix.length : 0);
        int step = room - options.stride();
        if (room < 1 || step < 1) {
            throw new IllegalArgumentException("expected a maxLength above the special tokens and the stride, found "
                    + options.maxLength() + " with " + (options.maxLength() - room) + " special tokens and a stride of "
                    + options.stride());
        }
        int length = whole.length();
        if (length <= room) {
            return List.of(whole);
        }
        List<Encoding> windows = new ArrayList<>();
        boolean last = false;
        for (int from = 0; !last; from += step) {
            int begin = from;
            int end = Math.min(from + room, length);
            if (options.truncation() == Side.LEFT) {
                end = length - from;
                begin = Math.max(0, end - room);
            }
            windows.add(whole.slice(begin, end));
            last = !options.overflow() || (options.truncation() == Side.LEFT ? begin == 0 : end == length);
        }
        return windows;
    }
}
