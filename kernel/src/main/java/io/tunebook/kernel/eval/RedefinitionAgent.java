package io.tunebook.kernel.eval;

import java.lang.instrument.Instrumentation;
import java.util.Optional;

/**
 * Receives the JVM's {@link Instrumentation}: by {@code Launcher-Agent-Class} in the manifest under {@code java -jar},
 * or by {@code -javaagent}. With it an edited method takes effect on objects that live already.
 */
public final class RedefinitionAgent {
    /** The JVM gives one, by a static method. */
    private static volatile Instrumentation instrumentation;

    private RedefinitionAgent() {}

    public static void agentmain(String arguments, Instrumentation given) {
        instrumentation = given;
    }

    public static void premain(String arguments, Instrumentation given) {
        instrumentation = given;
    }

    static Optional<Instrumentation> instrumentation() {
        return Optional.ofNullable(instrumentation);
    }
}
