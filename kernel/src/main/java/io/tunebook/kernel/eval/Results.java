package io.tunebook.kernel.eval;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * What cells were and what they gave, as {@code In}, {@code Out}, {@code _}, {@code __} and {@code ___} name it. Of
 * results the last hundred are kept.
 */
public final class Results {
    private static final int KEPT = 100;
    private static final Pattern TYPE = Pattern.compile("[\\w.]+(<.*>)?(\\[\\])*");

    private final TreeMap<Integer, String> in = new TreeMap<>();
    private final TreeMap<Integer, Object> out = new TreeMap<>();
    private final String[] types = new String[4]; // the next one's, then those of _, __ and ___
    private final Object[] last = new Object[3];

    /** What the snippet that ran last is, or null if it is no expression. */
    synchronized void type(String type) {
        types[0] = type;
    }

    /** A cell as it was typed. */
    public synchronized void in(int number, String code) {
        in.put(number, code);
    }

    /** The result of a cell. */
    public synchronized void out(int number, Object value) {
        if (value == null) {
            return; // as IPython, which counts no None
        }
        out.put(number, value);
        if (out.size() > KEPT) {
            out.pollFirstEntry();
        }
        System.arraycopy(types, 0, types, 1, 3);
        System.arraycopy(last, 0, last, 1, 2);
        last[0] = value;
        types[0] = null;
    }

    /** The cells so far by their numbers. */
    public synchronized Map<Integer, String> in() {
        return new TreeMap<>(in);
    }

    /** The results so far by the numbers of their cells. */
    public synchronized Map<Integer, Object> out() {
        return new TreeMap<>(out);
    }

    /**
     * The result before so many others, or null.
     *
     * @param back 1 for the last one
     */
    public synchronized Object last(int back) {
        return last[back - 1];
    }

    /** Java that stands for {@code _}, {@code __} or {@code ___}, or null if there is no such result. */
    synchronized String code(String name) {
        String type = types[name.length()];
        if (last[name.length() - 1] == null) {
            return null;
        }
        String call = "CellStatics.result(" + name.length() + ")";
        // A type that cannot be written, such as an anonymous class's, is an Object.
        return type == null || !TYPE.matcher(type).matches() || type.matches(".*(\\$|&|capture|anonymous).*")
                ? call
                : "((" + type + ") " + call + ")";
    }

    synchronized void clear() {
        in.clear();
        out.clear();
        java.util.Arrays.fill(last, null);
        java.util.Arrays.fill(types, null);
    }
}
