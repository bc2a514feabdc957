package io.tunebook.tokenizer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;

/**
 * The {@code precompiled_charsmap} of SentencePiece: the size of a trie, the trie as a double array, and the texts that
 * its leaves point into, each ended by a zero. The native library follows what it says without looking.
 *
 * @see <a href="https://github.com/google/sentencepiece/blob/master/src/normalizer.cc">SentencePiece: the map's form</a>
 * @see <a href="https://github.com/s-yata/darts-clone">Darts-clone: the units of the double array</a>
 */
final class PrecompiledMap {
    private PrecompiledMap() {}

    /** Whether no path through the trie and no leaf leads out of the map. */
    static boolean isWhole(byte[] bytes) {
        if (bytes.length < 4) {
            return false;
        }
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int size = in.getInt();
        if (size < 4 || size % 4 != 0 || size > bytes.length - 4) {
            return false;
        }
        int[] units = new int[size / 4];
        in.asIntBuffer().get(units);
        byte[] texts = new byte[bytes.length - 4 - size];
        in.position(4 + size).get(texts);
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(texts));
        } catch (CharacterCodingException e) {
            return false;
        }
        return reachable(units, texts);
    }

    private static boolean reachable(int[] units, byte[] texts) {
        BitSet seen = new BitSet(units.length);
        Deque<Integer> bases = new ArrayDeque<>();
        int root = offset(units[0]);
        if (root < 0 || root >= units.length) {
            return false;
        }
        bases.add(root);
        seen.set(root);
        while (!bases.isEmpty()) {
            int base = bases.remove();
            for (int label = 1; label < 256; label++) {
                int at = base ^ label;
                if (at >= units.length) {
                    return false;
                }
                // The library compares with the unit's sign bit and lowest eight bits.
                if ((units[at] & (1 << 31 | 0xff)) != label) {
                    continue;
                }
                int next = at ^ offset(units[at]);
                if (next < 0 || next >= units.length) {
                    return false;
                }
                if ((units[at] >>> 8 & 1) == 1 && !leaf(units[next] & 0x7fffffff, texts)) {
                    return false;
                }
                if (!seen.get(next)) {
                    seen.set(next);
                    bases.add(next);
                }
            }
        }
        return true;
    }

    /** Whether a leaf points to the beginning of a character. */
    private static boolean leaf(int value, byte[] texts) {
        return value < texts.length && (texts[value] & 0xc0) != 0x80;
    }

    private static int offset(int unit) {
        return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
    }
}
