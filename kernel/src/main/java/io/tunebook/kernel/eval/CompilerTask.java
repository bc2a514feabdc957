package io.tunebook.kernel.eval;

import com.sun.source.util.JavacTask;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;

/**
 * One run of JShell's own compiler over a text that JShell does not know: with its class path, the classes of all
 * cells, and the tables that it has read already. All of it is reached by reflection.
 */
final class CompilerTask {
    /** As JShell compiles: a compiler is used again for the same options. */
    private static final List<String> OPTIONS = List.of("-Xlint:unchecked,-strictfp", "-proc:none", "-parameters");

    private final Object factory;
    private final Object maps;
    private final Method run;
    private final Method imports;
    private final Constructor<?> texts;
    private final Constructor<?> compilation;
    private final Object worker;

    /**
     * Looks for what it needs.
     *
     * @param factory JShell's task factory
     * @param maps where JShell keeps its snippets
     * @throws ReflectiveOperationException if JShell is another than expected
     */
    CompilerTask(Object factory, Object maps) throws ReflectiveOperationException {
        this.factory = factory;
        this.maps = maps;
        Class<?> type = factory.getClass();
        Class<?> work = nested(type, "Worker");
        run = Arrays.stream(type.getDeclaredMethods())
                .filter(m -> m.getName().equals("runTask") && m.getParameterCount() == 5)
                .findFirst()
                .orElseThrow(NoSuchMethodException::new);
        imports = Arrays.stream(maps.getClass().getDeclaredMethods())
                .filter(m -> m.getName().equals("packageAndImportsExcept") && m.getParameterCount() == 2)
                .findFirst()
                .orElseThrow(NoSuchMethodException::new);
        texts = nested(type, "StringSourceHandler").getDeclaredConstructor(type);
        compilation = Arrays.stream(nested(type, "CompileTask").getDeclaredConstructors())
                .filter(c -> c.getParameterCount() == 4)
                .findFirst()
                .orElseThrow(NoSuchMethodException::new);
        run.setAccessible(true);
        imports.setAccessible(true);
        texts.setAccessible(true);
        compilation.setAccessible(true);
        // All is done when the task is made; nothing is left for JShell's worker.
        worker = Proxy.newProxyInstance(work.getClassLoader(), new Class<?>[] {work}, (proxy, method, given) -> null);
    }

    private static Class<?> nested(Class<?> in, String name) throws ClassNotFoundException {
        return Class.forName(in.getName() + "$" + name, true, in.getClassLoader());
    }

    /** The package and the imports by which a class sees all that cells have declared. */
    String imports() throws ReflectiveOperationException {
        return (String) imports.invoke(maps, (Set<?>) null, null);
    }

    /** Does something with a compiler that was given this text. */
    void run(String text, BiFunction<JavacTask, DiagnosticCollector<JavaFileObject>, Void> work)
            throws ReflectiveOperationException {
        Object handler = texts.newInstance(factory);
        BiFunction<JavacTask, DiagnosticCollector<JavaFileObject>, Object> made = (task, diagnostics) -> {
            try {
                // It prepares the compiler for the snippets that come after this one.
                Object prepared = compilation.newInstance(factory, handler, task, diagnostics);
                work.apply(task, diagnostics);
                return prepared;
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        };
        run.invoke(factory, Stream.of(text), handler, OPTIONS, made, worker);
    }
}
