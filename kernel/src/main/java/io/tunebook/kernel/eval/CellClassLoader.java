package io.tunebook.kernel.eval;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import jdk.jshell.execution.LoaderDelegate;
import jdk.jshell.spi.ExecutionControl.ClassBytecodes;
import jdk.jshell.spi.ExecutionControl.ClassInstallException;
import jdk.jshell.spi.ExecutionControl.InternalException;

/** Holds the classes of all cells and the user's class path. The kernel's own libraries are renamed in its jar, so that they cannot be met here. */
final class CellClassLoader extends URLClassLoader {
    private final Map<String, byte[]> bytecode = new ConcurrentHashMap<>();

    private final Map<String, Class<?>> statements = new ConcurrentHashMap<>();
    private final List<Path> entries = new CopyOnWriteArrayList<>();

    CellClassLoader(ClassLoader parent) {
        super("cells", new URL[0], parent);
    }

    /** What JShell's engine asks of a loader. */
    LoaderDelegate delegate() {
        return new LoaderDelegate() {
            @Override
            public void load(ClassBytecodes[] classes) throws ClassInstallException {
                if (classes.length == 1 && CellTransformer.isStatement(classes[0].bytecodes())) {
                    statements.put(classes[0].name(), new Statement(CellClassLoader.this).define(classes[0]));
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
                    bytecode.put(c.name(), CellTransformer.transform(c.bytecodes()));
                }
            }

            @Override
            public void addToClasspath(String path) throws InternalException {
                add(path);
            }

            @Override
            public Class<?> findClass(String name) throws ClassNotFoundException {
                Class<?> statement = statements.get(name);
                return statement != null ? statement : loadClass(name);
            }
        };
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        byte[] code = bytecode.get(name);
        return code == null ? super.findClass(name) : defineClass(name, code, 0, code.length);
    }

    @Override
    public URL findResource(String name) {
        byte[] code = name.endsWith(".class")
                ? bytecode.get(name.substring(0, name.length() - 6).replace('/', '.'))
                : null;
        return code == null ? super.findResource(name) : inMemory(name, code);
    }

    /** The names of classes that hold one statement each and may still run. */
    Set<String> statements() {
        return Set.copyOf(statements.keySet());
    }

    /** Those but for the others, which are not needed again; nothing keeps them from here on. */
    Set<String> takeStatements(Set<String> others) {
        Set<String> names = new HashSet<>(statements.keySet());
        names.removeAll(others);
        statements.keySet().removeAll(names);
        return names;
    }

    List<Path> entries() {
        return List.copyOf(entries);
    }

    void add(String path) throws InternalException {
        for (String entry : path.split(File.pathSeparator)) {
            try {
                Path file = Path.of(entry);
                addURL(file.toUri().toURL());
                entries.add(file);
            } catch (MalformedURLException e) {
                throw new InternalException(entry + " cannot be on the class path: " + e.getMessage());
            }
        }
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
        }

        Class<?> define(ClassBytecodes c) {
            byte[] code = CellTransformer.transform(c.bytecodes());
            return defineClass(c.name(), code, 0, code.length);
        }
    }
}
