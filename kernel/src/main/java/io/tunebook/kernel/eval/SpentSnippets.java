package io.tunebook.kernel.eval;

import java.lang.instrument.Instrumentation;
import java.lang.reflect.Field;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;

/**
 * Makes JShell forget statements that have run and that nothing can refer to. It keeps them for good and shows their classes to the compiler each time, so
 * that every cell makes the next one slower. There is no call for that: its tables are reached by reflection, and where these are others than expected,
 * or the JVM gave no {@link Instrumentation}, everything stays as it is.
 */
final class SpentSnippets {
    private final List<?> byIndex;
    private final Set<?> all;
    private final Map<?, ?> classFiles;
    private final Map<?, ?> wraps;

    private SpentSnippets(List<?> byIndex, Set<?> all, Map<?, ?> classFiles, Map<?, ?> wraps) {
        this.byIndex = byIndex;
        this.all = all;
        this.classFiles = classFiles;
        this.wraps = wraps;
    }

    static SpentSnippets of(JShell shell) {
        try {
            RedefinitionAgent.instrumentation().ifPresent(SpentSnippets::open);
            Object maps = get(shell, "maps");
            return new SpentSnippets(
                    (List<?>) get(maps, "keyIndexToSnippet"),
                    (Set<?>) get(maps, "snippets"),
                    (Map<?, ?>) get(get(get(shell, "taskFactory"), "fileManager"), "classObjects"),
                    (Map<?, ?>) get(get(shell, "outerMap"), "classOuters"));
        } catch (ReflectiveOperationException | RuntimeException e) {
            System.getLogger(SpentSnippets.class.getName())
                    .log(System.Logger.Level.DEBUG, "JShell will keep what has run", e);
            return new SpentSnippets(List.of(), Set.of(), Map.of(), Map.of());
        }
    }

    private static void open(Instrumentation instrumentation) {
        Module jshell = JShell.class.getModule();
        instrumentation.redefineModule(
                jshell,
                Set.of(),
                Map.of(),
                Map.of(JShell.class.getPackageName(), Set.of(SpentSnippets.class.getModule())),
                Set.of(),
                Map.of());
    }

    private static Object get(Object from, String name) throws ReflectiveOperationException {
        Field field = from.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(from);
    }

    /** Forgets a snippet whose one class was this. */
    void forget(Snippet snippet, String className) {
        if (all.isEmpty()) {
            return;
        }
        all.remove(snippet);
        classFiles.remove(className);
        wraps.remove(className);
        for (int i = byIndex.size() - 1; i >= 0; i--) {
            if (byIndex.get(i) == snippet) {
                byIndex.set(i, null);
                return;
            }
        }
    }
}
