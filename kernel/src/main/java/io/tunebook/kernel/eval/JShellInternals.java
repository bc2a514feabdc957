package io.tunebook.kernel.eval;

import java.lang.instrument.Instrumentation;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SourceCodeAnalysis;

/**
 * What JShell has no call for. It keeps statements that have run for good, and shows their classes to the compiler each time, so that every cell makes the next
 * one slower: they are forgotten. It reads all of the JDK as soon as it starts, beside the first cell: that waits until somebody asks for completion.
 * Both are reached by reflection, and where JShell is another than expected, or the JVM gave no {@link Instrumentation}, everything stays as it is.
 */
final class JShellInternals {
    private static final long INDEXED = 3; // seconds

    private final List<?> byIndex;
    private final Set<?> all;
    private final Map<?, ?> classFiles;
    private final Map<?, ?> wraps;
    private Callable<Future<?>> index;

    private JShellInternals(
            List<?> byIndex, Set<?> all, Map<?, ?> classFiles, Map<?, ?> wraps, Callable<Future<?>> index) {
        this.byIndex = byIndex;
        this.all = all;
        this.classFiles = classFiles;
        this.wraps = wraps;
        this.index = index;
    }

    /** From now on the index waits. */
    static JShellInternals of(JShell shell) {
        try {
            RedefinitionAgent.instrumentation().ifPresent(JShellInternals::open);
            Object maps = get(shell, "maps");
            return new JShellInternals(
                    (List<?>) get(maps, "keyIndexToSnippet"),
                    (Set<?>) get(maps, "snippets"),
                    (Map<?, ?>) get(get(get(shell, "taskFactory"), "fileManager"), "classObjects"),
                    (Map<?, ?>) get(get(shell, "outerMap"), "classOuters"),
                    postponed(shell.sourceCodeAnalysis()));
        } catch (ReflectiveOperationException | RuntimeException e) {
            System.getLogger(JShellInternals.class.getName())
                    .log(System.Logger.Level.DEBUG, "JShell will keep what has run", e);
            return new JShellInternals(List.of(), Set.of(), Map.of(), Map.of(), null);
        }
    }

    /** Stops the index. @return what lets it be made */
    private static Callable<Future<?>> postponed(SourceCodeAnalysis analysis) throws ReflectiveOperationException {
        Method suspend = analysis.getClass().getMethod("suspendIndexing");
        Method resume = analysis.getClass().getMethod("resumeIndexing");
        suspend.setAccessible(true);
        resume.setAccessible(true);
        ExecutorService indexer = (ExecutorService) get(analysis, "INDEXER");
        suspend.invoke(analysis);
        return () -> {
            resume.invoke(analysis);
            return indexer.submit(() -> {}); // done when all that was asked for before is
        };
    }

    /** Lets the index be made, and waits for it the first time if it is needed now. */
    synchronized void index(boolean wait) {
        Callable<Future<?>> make = index;
        index = null;
        try {
            if (make != null) {
                Future<?> made = make.call();
                if (wait) {
                    made.get(INDEXED, TimeUnit.SECONDS);
                }
            }
        } catch (Exception e) {
            System.getLogger(JShellInternals.class.getName())
                    .log(System.Logger.Level.DEBUG, "packages are completed when JShell's index is there", e);
        }
    }

    private static void open(Instrumentation instrumentation) {
        Module jshell = JShell.class.getModule();
        instrumentation.redefineModule(
                jshell,
                Set.of(),
                Map.of(),
                Map.of(JShell.class.getPackageName(), Set.of(JShellInternals.class.getModule())),
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
