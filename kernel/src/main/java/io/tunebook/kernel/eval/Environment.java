package io.tunebook.kernel.eval;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The environment of this process with what cells have set. The JVM cannot change its own, so calls of {@code System.getenv} in cells come here, and programs
 * that cells start are given it.
 */
public final class Environment {
    /** One for the process, as an environment is. */
    private static final Map<String, String> SET = new ConcurrentHashMap<>();

    private Environment() {}

    public static void set(String name, String value) {
        SET.put(name, value);
    }

    /** What calls of {@code System.getenv(name)} in cells became. */
    public static String getenv(String name) {
        String set = SET.get(name);
        return set != null ? set : System.getenv(name);
    }

    /** What calls of {@code System.getenv()} in cells became. */
    public static Map<String, String> getenv() {
        Map<String, String> all = new TreeMap<>(System.getenv());
        all.putAll(SET);
        return Collections.unmodifiableMap(all);
    }
}
