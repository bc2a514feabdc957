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
import java.util.function.Supplier;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.SourceCodeAnalysis;

/**
 * What JShell has no call for. It keeps statements that have run for good, and shows their classes to the compiler each
 * time, so that every cell makes the next one slower: they are forgotten. It reads all of the JDK as soon as it starts,
 * beside the first cell: that waits until somebody asks for completion. Both are reached by reflection, and where
 * JShell is another than expected, or the JVM gave no {@link Instrumentation}, everything stays as it is.
 */
final class JShellInternals {
    private static final long INDEXED = 1; // second

    private final List<?> byIndex;
    private final Set<?> all;
    private final Map<?, ?> classFiles;
    private final Map<?, ?> wraps;
    private final Map<Object, Object> dependencies;
    private final Object taskFactory;
    private final CompilerTask task;
    private Callable<Future<?>> index;
    private Supplier<List<String>> processing;

    private JShellInternals(
            List<?> byIndex,
            Set<?> all,
            Map<?, ?> classFiles,
            Map<?, ?> wraps,
            Map<Object, Object> dependencies,
            Object taskFactory,
            CompilerTask task,
            Callable<Future<?>> index) {
        this.byIndex = byIndex;
        this.all = all;
        this.classFiles = classFiles;
        this.wraps = wraps;
        this.dependencies = dependencies;
        this.taskFactory = taskFactory;
        this.task = task;
        this.index = index;
    }

    /** From now on the index waits. */
    @SuppressWarnings("unchecked") // names to sets of indices
    static JShellInternals of(JShell shell) {
        try {
            RedefinitionAgent.instrumentation().ifPresent(JShellInternals::open);
            Object maps = get(shell, "maps");
            return new JShellInternals(
                    (List<?>) get(maps, "keyIndexToSnippet"),
                    (Set<?>) get(maps, "snippets"),
                    (Map<?, ?>) get(get(get(shell, "taskFactory"), "fileManager"), "classObjects"),
                    (Map<?, ?>) get(get(shell, "outerMap"), "classOuters"),
                    (Map<Object, Object>) get(maps, "dependencies"),
                    get(shell, "taskFactory"),
                    new CompilerTask(get(shell, "taskFactory"), maps),
                    postponed(shell.sourceCodeAnalysis()));
        } catch (ReflectiveOperationException | RuntimeException e) {
            System.getLogger(JShellInternals.class.getName())
                    .log(System.Logger.Level.DEBUG, "JShell will keep what has run", e);
            return new JShellInternals(List.of(), Set.of(), Map.of(), Map.of(), Map.of(), null, null, null);
        }
    }

    /**
     * Stops the index.
     *
     * @return what lets it be made
     */
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

    /**
     * Lets javac begin anew: it keeps its tables from one snippet to the next, and what it did not finish, such as a
     * string that is too long for a class, would be in its way for ever. What it has read of the class path is read
     * again, too.
     */
    void renewCompiler() {
        if (taskFactory != null
                && processing == null
                && RedefinitionAgent.instrumentation().isEmpty()) {
            call(taskFactory, "initTaskPool");
        } else if (taskFactory != null) {
            set(
                    taskFactory,
                    "javacTaskPool",
                    CompilerPool.of(
                            processing == null
                                    ? CompilerPool::shared
                                    : PackageCells.ProcessingCompiler.with(processing)));
        }
    }

    /**
     * From now on annotation processors run, or do not.
     *
     * @param options what the compiler is told of them, or null for no processors
     */
    void processing(Supplier<List<String>> options) {
        if (taskFactory == null) {
            throw new UnsupportedOperationException("JShell is another than expected: annotation processors stay off");
        }
        processing = options;
        renewCompiler();
    }

    /** Sets the compiler's class path to exactly this. */
    void classPath(String path) {
        if (taskFactory != null) {
            set(taskFactory, "classpath", path);
        }
    }

    /** JShell's compiler for what JShell is not to know, or null if it is another than expected. */
    CompilerTask task() {
        return task;
    }

    /** Forgets a class that was compiled, and those in it. */
    void forgetClass(String className) {
        classFiles.keySet().removeIf(name -> name.toString().startsWith(className));
    }

    private static void set(Object on, String name, Object value) {
        try {
            Field field = on.getClass().getDeclaredField(name);
            field.setAccessible(true);
            field.set(on, value);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("JShell's " + name + " cannot be set", e);
        }
    }

    /**
     * Runs something without JShell's knowledge of what depends on what, so that it compiles nothing anew because of
     * it. An import makes it compile all that was declared before, or what has a name of it, which still means the
     * same.
     */
    <T> T withoutDependencies(Supplier<T> action) {
        Map<Object, Object> kept = Map.copyOf(dependencies);
        if (kept.isEmpty()) {
            return action.get();
        }
        dependencies.clear();
        try {
            return action.get();
        } finally {
            kept.forEach(dependencies::putIfAbsent);
        }
    }

    /** A generated class and the snippets in it. */
    record Outer(Object wrap, List<Snippet> snippets) {
        /** The snippet that a line of the class, counted from 0, comes from; or null. */
        Snippet snippet(int line) {
            return (Snippet) call(wrap, "wrapLineToSnippet", line);
        }

        /** Its line in the snippet, counted from 0. */
        int snippetLine(int line) {
            return (Integer) call(wrap, "wrapLineToSnippetLine", line);
        }
    }

    /** What stands in a generated class, or null. */
    Outer outer(String className) {
        Object wrap = wraps.get(simple(className));
        try {
            return wrap == null
                    ? null
                    : new Outer(
                            wrap,
                            ((Map<?, ?>) get(wrap, "wrapToSnippet"))
                                    .values().stream().map(Snippet.class::cast).toList());
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    private static String simple(String className) {
        return className.substring(className.lastIndexOf('.') + 1);
    }

    private static Object call(Object on, String name, Object... arguments) {
        try {
            for (Class<?> c = on.getClass(); c != null; c = c.getSuperclass()) {
                for (Method m : c.getDeclaredMethods()) {
                    if (m.getName().equals(name) && m.getParameterCount() == arguments.length) {
                        m.setAccessible(true);
                        return m.invoke(on, arguments);
                    }
                }
            }
            throw new NoSuchMethodException(on.getClass() + "." + name);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("JShell is another than expected", e);
        }
    }

    /** Forgets a snippet whose one class was this. */
    void forget(Snippet snippet, String className) {
        if (all.isEmpty()) {
            return;
        }
        all.remove(snippet);
        classFiles.remove(className);
        wraps.remove(simple(className));
        for (int i = byIndex.size() - 1; i >= 0; i--) {
            if (byIndex.get(i) == snippet) {
                byIndex.set(i, null);
                return;
            }
        }
    }
}
