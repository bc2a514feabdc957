package io.tunebook.prepare;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.TreeMap;

/**
 * Which documents are taken out because an earlier one is the same, or nearly so. A document goes if it shares a key
 * with any earlier one, whether that one stays or not: a rule that looks at pairs alone, so that buckets can be
 * searched in any order and anywhere. Of a group in which all are alike the first stays. Takes two bits for each
 * document.
 */
public final class Duplicates {
    private static final int EXAMPLES = 5;

    /**
     * A document and an earlier one with the same key.
     *
     * @param exact whether their texts are the same
     */
    public record Pair(long document, long first, boolean exact) implements Serializable {}

    /**
     * How many there are.
     *
     * @param documents how many were looked at
     * @param exact how many have the text of an earlier one
     * @param near how many others are nearly as an earlier one
     * @param examples the first of each kind
     */
    public record Report(long documents, long exact, long near, ArrayList<Pair> examples) implements Serializable {}

    /** Those of one unit, by their numbers in it. */
    public static final class OfUnit {
        private final BitSet exact;
        private final BitSet near;

        private OfUnit(BitSet exact, BitSet near) {
            this.exact = exact;
            this.near = near;
        }

        /** None. */
        public OfUnit() {
            this(new BitSet(), new BitSet());
        }

        synchronized void add(int number, boolean isExact) {
            (isExact ? exact : near).set(number);
        }

        boolean has(int number) {
            return exact.get(number) || near.get(number);
        }

        /** How many are exact. */
        public synchronized long exact() {
            return exact.cardinality();
        }

        /** How many are nearly the same and not exact. */
        public synchronized long near() {
            BitSet only = (BitSet) near.clone();
            only.andNot(exact);
            return only.cardinality();
        }

        /** For a file that {@link #of} reads. */
        public synchronized byte[] bytes() throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream out = new DataOutputStream(bytes);
            for (BitSet set : List.of(exact, near)) {
                byte[] bits = set.toByteArray();
                out.writeInt(bits.length);
                out.write(bits);
            }
            return bytes.toByteArray();
        }

        /** What {@link #bytes} wrote. */
        public static OfUnit of(byte[] bytes) throws IOException {
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
            BitSet exact = BitSet.valueOf(in.readNBytes(in.readInt()));
            return new OfUnit(exact, BitSet.valueOf(in.readNBytes(in.readInt())));
        }
    }

    private final List<OfUnit> units = new ArrayList<>();
    private final TreeMap<Long, Long> firstExact = new TreeMap<>();
    private final TreeMap<Long, Long> firstNear = new TreeMap<>();

    /** None yet in so many units. */
    public Duplicates(int units) {
        for (int i = 0; i < units; i++) {
            this.units.add(new OfUnit());
        }
    }

    /** Notes one down. Safe for several threads; the order does not matter. */
    public void add(Pair pair) {
        units.get((int) (pair.document() >>> 32)).add((int) pair.document(), pair.exact());
        TreeMap<Long, Long> examples = pair.exact() ? firstExact : firstNear;
        synchronized (examples) {
            if (examples.size() < EXAMPLES * 64 || pair.document() <= examples.lastKey()) {
                examples.merge(pair.document(), pair.first(), Math::min);
                if (examples.size() > EXAMPLES * 64) {
                    examples.pollLastEntry();
                }
            }
        }
    }

    /** Those of a unit. */
    public OfUnit unit(int index) {
        return units.get(index);
    }

    /** @param documents how many were looked at */
    public Report report(long documents) {
        ArrayList<Pair> examples = new ArrayList<>();
        firstExact.forEach((document, first) -> {
            if (examples.size() < EXAMPLES) {
                examples.add(new Pair(document, first, true));
            }
        });
        int exact = examples.size();
        firstNear.forEach((document, first) -> {
            if (examples.size() < exact + EXAMPLES
                    && !units.get((int) (document >>> 32)).exact.get(document.intValue())) {
                examples.add(new Pair(document, first, false));
            }
        });
        return new Report(
                documents,
                units.stream().mapToLong(OfUnit::exact).sum(),
                units.stream().mapToLong(OfUnit::near).sum(),
                examples);
    }
}
