package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.RendererRegistry;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.instrument.ClassDefinition;
import java.lang.instrument.UnmodifiableClassException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.jar.Attributes;
import java.util.jar.Attributes.Name;
import java.util.jar.Manifest;
import jdk.jshell.execution.LoaderDelegate;
import jdk.jshell.spi.ExecutionControl.ClassBytecodes;
import jdk.jshell.spi.ExecutionControl.ClassInstallException;

/**
 * Holds the classes of all cells and the user's class path. The kernel's own libraries are renamed in its jar, so that
 * they cannot be met here.
 */
final class CellClassLoader extends ClassLoader implements RendererRegistry.OfSession {
    private final Map<String, byte[]> bytecode = new ConcurrentHashMap<>();
    private final Map<String, Loaded> statements = new ConcurrentHashMap<>();
    private volatile CellRunner loading;
    private final Libraries libraries = new Libraries();
    private final Environment environment = new Environment();
    private final RendererRegistry renderers = new RendererRegistry();
    private final CellContext.Running running = new CellContext.Running();
    private final CellLines lines;
    private volatile UnaryOperator<byte[]> probe = UnaryOperator.identity();

    CellClassLoader(ClassLoader parent, CellLines lines) {
        super("cells", parent);
        this.lines = lines;
        setPackageAssertionStatus("REPL", true); // what a cell asserts, it wants to know
    }

    /** The session's that a class is of, or null if it is none's. */
    static CellClassLoader of(Class<?> type) {
        ClassLoader loader = type.getClassLoader();
        while (loader != null && !(loader instanceof CellClassLoader)) {
            loader = loader.getParent();
        }
        return (CellClassLoader) loader;
    }

    Libraries libraries() {
        return libraries;
    }

    @Override
    public RendererRegistry renderers() {
        return renderers;
    }

    /** The cells of its session that run. */
    CellContext.Running running() {
        return running;
    }

    /** The environment variables of its session. */
    Environment environment() {
        return environment;
    }

    /** A class of a cell as it is loaded: interruptible, with the lines as typed. */
    byte[] transform(ClassBytecodes c) {
        return probe.apply(CellTransformer.transform(c.bytecodes(), lines.load(c.name())));
    }

    /** From now on this changes the bytecode of cells, once, and that of the classes that are there already. */
    void probe(UnaryOperator<byte[]> how) {
        probe = how;
        bytecode.replaceAll((name, code) -> how.apply(code));
        RedefinitionAgent.instrumentation()
                .ifPresent(instrumentation -> bytecode.forEach((name, code) -> {
                    Class<?> loaded = findLoadedClass(name);
                    try {
                        if (loaded != null) {
                            instrumentation.redefineClasses(new ClassDefinition(loaded, code));
                        }
                    } catch (ClassNotFoundException
                            | UnmodifiableClassException
                            | UnsupportedOperationException
                            | LinkageError e) {
                        System.getLogger(CellClassLoader.class.getName())
                                .log(System.Logger.Level.WARNING, name + " cannot be debugged", e);
                    }
                }));
    }

    /** What JShell's engine asks of a loader. */
    LoaderDelegate delegate() {
        return new LoaderDelegate() {
            @Override
            public void load(ClassBytecodes[] classes) throws ClassInstallException {
                if (classes.length == 1 && CellTransformer.isStatement(classes[0].bytecodes())) {
                    byte[] code = transform(classes[0]);
                    Class<?> made = new Statement(CellClassLoader.this).define(classes[0].name(), code);
                    statements.put(classes[0].name(), new Loaded(made, loading));
                    return;
                }
                classesRedefined(classes);
                boolean[] installed = new boolean[classes.length];
                for (int i = 0; i < classes.length; i++) {
                    try {
                        // Linked now, so that a missing class is an error of this cell.
                        loadClass(classes[i].name()).getDeclaredMethods();
                        installed[i] = true;
                    } catch (ReflectiveOperationException | LinkageError e) {
                        throw new ClassInstallException("cannot load " + classes[i].name() + ": " + e, installed);
                    }
                }
            }

            @Override
            public void classesRedefined(ClassBytecodes[] classes) {
                for (ClassBytecodes c : classes) {
                    bytecode.put(c.name(), transform(c));
                }
            }

            @Override
            public void addToClasspath(String path) {
                for (String entry : path.split(File.pathSeparator)) {
                    libraries.add(Path.of(entry).toAbsolutePath());
                }
            }

            @Override
            public Class<?> findClass(String name) throws ClassNotFoundException {
                Loaded statement = statements.get(name);
                return statement != null ? statement.type() : loadClass(name);
            }
        };
    }

    /** A class that a cell declares in a package of its own, as it is to be loaded. */
    void declare(String name, byte[] code) {
        bytecode.put(name, probe.apply(code));
        setPackageAssertionStatus(name.replaceFirst("\\.?[^.]*$", ""), true);
    }

    /** Whether a class is loaded, by this loader. */
    Class<?> loaded(String name) {
        return findLoadedClass(name);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        byte[] code = bytecode.get(name);
        if (code != null) {
            return defineClass(name, code, 0, code.length);
        }
        Libraries.ClassFile file = libraries.classFile(name);
        if (file == null) {
            throw new ClassNotFoundException(name);
        }
        definePackage(name.substring(0, Math.max(name.lastIndexOf('.'), 0)), file.manifest());
        return defineClass(
                name, file.code(), 0, file.code().length, new ProtectionDomain(file.source(), null, this, null));
    }

    private void definePackage(String name, Manifest manifest) {
        if (!name.isEmpty() && getDefinedPackage(name) == null) {
            Attributes all = manifest == null ? new Attributes() : manifest.getMainAttributes();
            Attributes own = manifest == null ? null : manifest.getAttributes(name.replace('.', '/') + "/");
            Attributes first = own == null ? all : own;
            try {
                definePackage(
                        name,
                        value(first, all, Name.SPECIFICATION_TITLE),
                        value(first, all, Name.SPECIFICATION_VERSION),
                        value(first, all, Name.SPECIFICATION_VENDOR),
                        value(first, all, Name.IMPLEMENTATION_TITLE),
                        value(first, all, Name.IMPLEMENTATION_VERSION),
                        value(first, all, Name.IMPLEMENTATION_VENDOR),
                        null);
            } catch (IllegalArgumentException e) {
                return; // another thread was faster
            }
        }
    }

    private static String value(Attributes first, Attributes all, Name name) {
        String value = first.getValue(name);
        return value != null ? value : all.getValue(name);
    }

    @Override
    public URL findResource(String name) {
        byte[] code = name.endsWith(".class")
                ? bytecode.get(name.substring(0, name.length() - 6).replace('/', '.'))
                : null;
        return code == null ? libraries.resource(name) : inMemory(name, code);
    }

    @Override
    public Enumeration<URL> findResources(String name) throws IOException {
        return libraries.resources(name);
    }

    /** A class that holds one statement, and the runner that it is for. */
    private record Loaded(Class<?> type, CellRunner on) {}

    /** From now on classes of statements are for this runner. */
    void loadsFor(CellRunner runner) {
        loading = runner;
    }

    /** The names of classes that hold one statement each and may still run. */
    Set<String> statements() {
        return Set.copyOf(statements.keySet());
    }

    /** Those of a runner but for the others, which are not needed again; nothing keeps them from here on. */
    Set<String> takeStatements(CellRunner runner, Set<String> others) {
        Set<String> names = new HashSet<>();
        statements.forEach((name, loaded) -> {
            if (loaded.on() == runner && !others.contains(name)) {
                names.add(name);
            }
        });
        statements.keySet().removeAll(names);
        return names;
    }

    private static URL inMemory(String name, byte[] content) {
        try {
            return new URL("cell", null, -1, "/" + name, new URLStreamHandler() {
                @Override
                protected URLConnection openConnection(URL url) {
                    return new URLConnection(url) {
                        @Override
                        public void connect() {
                            connected = true;
                        }

                        @Override
                        public InputStream getInputStream() throws IOException {
                            return new ByteArrayInputStream(content);
                        }
                    };
                }
            });
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e); // the handler accepts every name
        }
    }

    /** Loads one class, which goes with it. */
    private static final class Statement extends ClassLoader {
        Statement(ClassLoader parent) {
            super(parent);
            setDefaultAssertionStatus(true);
        }

        Class<?> define(String name, byte[] code) {
            return defineClass(name, code, 0, code.length);
        }
    }
}
