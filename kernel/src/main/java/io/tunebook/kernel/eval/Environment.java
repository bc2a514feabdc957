package io.tunebook.kernel.eval;

import java.lang.invoke.CallSite;
import java.lang.invoke.ConstantCallSite;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The environment of this process with what cells of a session have set. The JVM cannot change its own, so calls of
 * {@code System.getenv} in cells come here, and programs that cells start are given it.
 */
public final class Environment {
    private final Map<String, String> set = new ConcurrentHashMap<>();

    /** From now on a variable has this value. */
    public void set(String name, String value) {
        set.put(name, value);
    }

    /** A variable's value, or null. */
    public String getenv(String name) {
        String value = set.get(name);
        return value != null ? value : System.getenv(name);
    }

    /** All variables. */
    public Map<String, String> getenv() {
        Map<String, String> all = new TreeMap<>(System.getenv());
        all.putAll(set);
        return Collections.unmodifiableMap(all);
    }

    /** Links what calls of {@code System.getenv} in a cell became: its session is that of its class loader. */
    public static CallSite link(MethodHandles.Lookup caller, String name, MethodType type)
            throws ReflectiveOperationException {
        Environment environment = CellClassLoader.of(caller.lookupClass()).environment();
        return new ConstantCallSite(MethodHandles.lookup().bind(environment, name, type));
    }
}
