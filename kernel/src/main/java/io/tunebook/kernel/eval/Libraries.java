package io.tunebook.kernel.eval;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.MalformedURLException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.URLConnection;
import java.nio.file.Path;
import java.security.CodeSource;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.jar.Manifest;

/** The user's class path. Jars come and, as long as no class of theirs is loaded, go. */
final class Libraries {
    private final List<Path> entries = new ArrayList<>();
    private final Set<Path> used = ConcurrentHashMap.newKeySet();
    private volatile Lookup lookup = new Lookup();

    /** A class file with what its definition needs. */
    record ClassFile(byte[] code, CodeSource source, Manifest manifest, Path entry) {}

    synchronized List<Path> entries() {
        return List.copyOf(entries);
    }

    synchronized void add(Path entry) {
        if (!entries.contains(entry)) {
            entries.add(entry);
            lookup.addURL(url(entry));
        }
    }

    /** Whether a class of this jar or folder has been loaded. */
    boolean isUsed(Path entry) {
        return used.contains(entry);
    }

    /** Takes an entry away. */
    synchronized void remove(Path entry) {
        if (entries.remove(entry)) {
            Lookup fresh = new Lookup();
            entries.forEach(e -> fresh.addURL(url(e)));
            lookup = fresh; // streams of the former may still be read, so it is not closed
        }
    }

    URL resource(String name) {
        return lookup.findResource(name);
    }

    Enumeration<URL> resources(String name) throws IOException {
        return lookup.findResources(name);
    }

    /** The class file of a class, or null. From then on its entry is in use. */
    ClassFile classFile(String className) {
        URL url = resource(className.replace('.', '/') + ".class");
        if (url == null) {
            return null;
        }
        try {
            URLConnection connection = url.openConnection();
            URL source = url;
            Manifest manifest = null;
            if (connection instanceof JarURLConnection jar) {
                source = jar.getJarFileURL();
                manifest = jar.getManifest();
            } else {
                String text = url.toString();
                source = new URL(text.substring(0, text.length() - className.length() - ".class".length()));
            }
            Path entry = Path.of(source.toURI());
            used.add(entry);
            try (InputStream in = connection.getInputStream()) {
                return new ClassFile(in.readAllBytes(), new CodeSource(source, (Certificate[]) null), manifest, entry);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + url, e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e); // the URL was made of a path
        }
    }

    private static URL url(Path entry) {
        try {
            return entry.toUri().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalArgumentException(entry + " cannot be on the class path: " + e.getMessage(), e);
        }
    }

    /** Finds resources, and nothing else. */
    private static final class Lookup extends URLClassLoader {
        Lookup() {
            super(new URL[0], null);
        }

        @Override
        public void addURL(URL url) {
            super.addURL(url);
        }
    }
}
