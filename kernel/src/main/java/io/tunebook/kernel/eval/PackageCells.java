package io.tunebook.kernel.eval;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.instrument.ClassDefinition;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import javax.tools.ToolProvider;

/**
 * Classes in packages: those of cells that begin with a package declaration, and those of folders on the class path,
 * which are loaded anew when they change.
 */
final class PackageCells implements AutoCloseable {
    private static final Pattern PACKAGE = Pattern.compile("package\\s+[\\w.]+\\s*;[\\s\\S]*");
    private static final int FILES = 20_000;

    private final CellClassLoader loader;
    private final CellEvaluator evaluator;
    private final List<String> options;
    private Map<Path, FileTime> seen = Map.of();
    private Path folder;
    private volatile boolean processors;

    PackageCells(CellClassLoader loader, CellEvaluator evaluator, List<String> options) {
        this.loader = loader;
        this.evaluator = evaluator;
        this.options = options;
    }

    /** Whether annotation processors run from now on. */
    void processors(boolean on) {
        processors = on;
    }

    /** The compiler's options for annotation processors: those of the user's class path, and no others. */
    List<String> processing() {
        return processors
                ? ProcessingCompiler.options(evaluator.classPath().stream()
                        .map(Path::toString)
                        .collect(Collectors.joining(File.pathSeparator)))
                : List.of();
    }

    static boolean isPackage(String code) {
        return PACKAGE.matcher(code.substring(JavaText.leadingBlank(code))).matches();
    }

    /** Compiles a cell as a source file of its own. */
    void define(Source source, int from, int to) throws CellException {
        // Blank lines in place of what stands before, so that lines are those of the cell.
        String text = "\n".repeat(source.lineOf(from) - 1) + source.text().substring(from, to);
        int shift = from - (source.lineOf(from) - 1);
        try {
            if (folder == null) {
                folder = Files.createTempDirectory("tunebook-packages");
                evaluator.addToClassPath(folder.toString());
            }
            Path target = Files.createTempDirectory(folder, ".new");
            DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
            List<String> all = new ArrayList<>(options);
            StringBuilder path = new StringBuilder(System.getProperty("java.class.path"));
            evaluator.classPath().forEach(e -> path.append(File.pathSeparator).append(e));
            all.addAll(List.of("-g", "-d", target.toString(), "-cp", path.toString()));
            all.addAll(processing());
            JavaFileObject file = new Pieces.Text(text) {
                @Override
                public String getName() {
                    return source.name();
                }

                @Override
                public String toString() {
                    return source.name();
                }
            };
            StringWriter said = new StringWriter();
            boolean compiled;
            Source.Origin origin = new Source.Origin(source, shift, List.of());
            try {
                compiled = CellContext.quietly(() -> ToolProvider.getSystemJavaCompiler()
                        .getTask(said, null, found, all, null, List.of(file))
                        .call());
            } catch (RuntimeException e) { // so javac tells what an annotation processor throws
                throw Traceback.compiler(String.valueOf(e.getCause() == null ? e : e.getCause()), origin);
            }
            if (!compiled) {
                var errors = found.getDiagnostics().stream()
                        .filter(d -> d.getKind() == Diagnostic.Kind.ERROR)
                        .toList();
                throw errors.isEmpty() // javac itself fell
                        ? Traceback.compiler(said.toString().strip(), origin)
                        : Traceback.compilation(errors, origin);
            }
            install(target, source.name());
        } catch (IOException e) {
            throw new UncheckedIOException("the classes of a package cannot be kept", e);
        }
    }

    private void install(Path compiled, String file) throws IOException {
        Map<String, byte[]> classes = new HashMap<>();
        try (Stream<Path> files = Files.walk(compiled)) {
            for (Path f : files.filter(Files::isRegularFile).toList()) {
                Path name = compiled.relativize(f);
                Path to = folder.resolve(name);
                Files.createDirectories(to.getParent());
                Files.move(f, to, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
                if (name.toString().endsWith(".class")) { // and no source or resource of an annotation processor
                    classes.put(className(name), Files.readAllBytes(to));
                }
            }
        }
        delete(compiled);
        classes.forEach((name, code) -> loader.declare(name, withFile(code, file)));
        evaluator.classPathChanged();
        redefine(classes, file);
    }

    private static byte[] withFile(byte[] code, String file) {
        return CellTransformer.transform(code, new CellLines.Lines(file, line -> line));
    }

    private static String className(Path file) {
        return file.toString().replace(File.separatorChar, '.').replaceFirst("\\.class$", "");
    }

    /** Looks whether a class folder has changed since the last cell. */
    void refresh() {
        List<Path> folders = evaluator.classPath().stream()
                .filter(e -> !e.equals(folder) && Files.isDirectory(e))
                .toList();
        if (folders.isEmpty()) {
            return;
        }
        Map<Path, FileTime> now = new HashMap<>();
        Map<String, byte[]> changed = new HashMap<>();
        for (Path root : folders) {
            try (Stream<Path> files = Files.walk(root)) {
                for (Path f : files.filter(p -> p.toString().endsWith(".class"))
                        .limit(FILES)
                        .toList()) {
                    FileTime time = Files.getLastModifiedTime(f);
                    now.put(f, time);
                    FileTime before = seen.get(f);
                    String name = className(root.relativize(f));
                    if (before != null && !before.equals(time) && loader.loaded(name) != null) {
                        changed.put(name, Files.readAllBytes(f));
                    }
                }
            } catch (IOException | UncheckedIOException e) {
                return; // somebody writes there now; the next cell looks again
            }
        }
        if (!now.equals(seen)) {
            boolean first = seen.isEmpty();
            seen = now;
            if (!first) {
                evaluator.classPathChanged();
                redefine(changed, null);
            }
        }
    }

    private void redefine(Map<String, byte[]> classes, String file) {
        classes.forEach((name, code) -> {
            Class<?> loaded = loader.loaded(name);
            if (loaded == null) {
                return;
            }
            try {
                byte[] now = file == null ? code : withFile(code, file);
                RedefinitionAgent.instrumentation()
                        .orElseThrow(UnsupportedOperationException::new)
                        .redefineClasses(new ClassDefinition(loaded, now));
            } catch (Exception | LinkageError e) {
                System.err.println(name + " is in use, and has other fields or methods now: restart the kernel to use"
                        + " the new one. Until then the former one stays.");
            }
        });
    }

    @Override
    public void close() {
        if (folder != null) {
            delete(folder);
        }
    }

    private static void delete(Path root) {
        try (Stream<Path> files = Files.walk(root)) {
            files.sorted(Comparator.reverseOrder()).forEach(f -> f.toFile().delete());
        } catch (IOException e) {
            return; // the system empties its temporary folder
        }
    }

    /**
     * The options of compilers that run annotation processors. JShell switches those off in each of its calls, and no
     * option behind it switches them on again, so its option is taken out.
     */
    static final class ProcessingCompiler {
        private static final String NONE = "-proc:none";
        /** Since then a processor runs only where it is asked for; the option exists a little longer. */
        private static final int FULL = 21;

        private ProcessingCompiler() {}

        /** The options of javac that let the processors of a class path run. */
        static List<String> options(String processorPath) {
            List<String> options = new ArrayList<>(List.of("-processorpath", processorPath));
            if (Runtime.version().feature() >= FULL) {
                options.add("-proc:full");
            }
            return options;
        }

        /** What becomes of JShell's options with these behind them. */
        static UnaryOperator<List<String>> with(Supplier<List<String>> options) {
            AtomicInteger tasks = new AtomicInteger();
            return given -> {
                List<String> all = new ArrayList<>(given);
                all.removeIf(NONE::equals);
                all.addAll(options.get());
                // A compiler that has run processors cannot run them again, and one is used again for the same options.
                all.add("-XDtunebook.task=" + tasks.incrementAndGet());
                return all;
            };
        }
    }
}
