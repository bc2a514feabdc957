package io.tunebook.data;

import java.util.Arrays;

/**
 * The key that a file's objects begin with, quotation marks included: after a broken object it tells the next one from
 * what is within.
 */
final class FirstKey {
    private byte[] key;

    boolean known() {
        return key != null;
    }

    int length() {
        return key.length;
    }

    boolean standsAt(byte[] buffer, int at) {
        return Arrays.equals(buffer, at, at + key.length, key, 0, key.length);
    }

    /** Takes the first key of a whole object; keeps the former one if there is none. */
    void learn(byte[] buffer, int object, int stop) {
        int from = object;
        while (from < stop && buffer[from] != '"') {
            from++;
        }
        int to = from + 1;
        while (to < stop && buffer[to] != '"') {
            to++;
        }
        boolean word = to < stop;
        for (int i = from + 1; word && i < to; i++) {
            word = Character.isLetterOrDigit(buffer[i]) || buffer[i] == '_' || buffer[i] == '-';
        }
        if (key == null && !word) {
            return; // it may be spoilt, and then nothing that follows begins like it
        }
        boolean same = to >= stop || key != null && Arrays.equals(key, 0, key.length, buffer, from, to + 1);
        key = same ? key : Arrays.copyOfRange(buffer, from, to + 1);
    }

    /** Where the first object of a file is broken, its own first key tells what follows from what is within it. */
    void learnIfUnknown(byte[] buffer, int object, int stop) {
        if (key == null) {
            learn(buffer, object, stop);
        }
    }
}
