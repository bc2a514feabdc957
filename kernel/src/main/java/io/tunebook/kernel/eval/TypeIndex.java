package io.tunebook.kernel.eval;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/** The types of the JDK and of the class path by the beginning of their names, for completion. */
final class TypeIndex {
    private static final int TYPES = 30;
    /**
     * The types of the JDK that cells can use, by simple name; made once, when somebody first asks. Every session of
     * the process has the same JDK.
     */
    private static volatile CompletableFuture<NavigableMap<String, Set<String>>> jdkTypes;

    private final Map<String, List<String>> jarTypes = new LinkedHashMap<>();

    /**
     * Their full names, the class path's first and then those of packages that begin with java.
     *
     * @param known simple names that are left out
     */
    List<String> find(String prefix, Set<String> known, List<Path> classPath) {
        Map<Integer, Set<String>> byRank = new TreeMap<>();
        jdkNow().subMap(prefix, true, prefix + Character.MAX_VALUE, false).forEach((simple, names) -> {
            if (!known.contains(simple)) {
                names.forEach(n -> byRank.computeIfAbsent(n.startsWith("java.") ? 1 : 2, r -> new TreeSet<>())
                        .add(n));
            }
        });
        for (Path jar : classPath) {
            for (String name : jarTypes.computeIfAbsent(jar.toString(), j -> typesOf(jar))) {
                String simple = name.substring(name.lastIndexOf('.') + 1);
                if (simple.startsWith(prefix) && !known.contains(simple)) {
                    byRank.computeIfAbsent(0, r -> new TreeSet<>()).add(name);
                }
            }
        }
        return byRank.values().stream().flatMap(Set::stream).limit(TYPES).toList();
    }

    /** The index, or none if it is not made within a second: nobody waits longer for a completion. */
    private static NavigableMap<String, Set<String>> jdkNow() {
        try {
            return jdk().get(1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            System.getLogger(TypeIndex.class.getName()).log(System.Logger.Level.DEBUG, "no types of the JDK yet", e);
        }
        return new TreeMap<>();
    }

    private static CompletableFuture<NavigableMap<String, Set<String>>> jdk() {
        CompletableFuture<NavigableMap<String, Set<String>>> index = jdkTypes;
        if (index == null) {
            index = CompletableFuture.supplyAsync(TypeIndex::readJdk);
            jdkTypes = index;
        }
        return index;
    }

    private static NavigableMap<String, Set<String>> readJdk() {
        NavigableMap<String, Set<String>> index = new TreeMap<>();
        ModuleFinder.ofSystem().findAll().stream()
                .filter(m -> m.descriptor().name().startsWith("java."))
                .forEach(m -> {
                    Set<String> exported = new HashSet<>();
                    m.descriptor().exports().stream()
                            .filter(e -> !e.isQualified())
                            .map(ModuleDescriptor.Exports::source)
                            .forEach(exported::add);
                    try (ModuleReader reader = m.open();
                            Stream<String> files = reader.list()) {
                        files.forEach(f -> {
                            String name = typeName(f);
                            int dot = name.lastIndexOf('.');
                            if (dot > 0 && exported.contains(name.substring(0, dot))) {
                                index.computeIfAbsent(name.substring(dot + 1), s -> new TreeSet<>())
                                        .add(name);
                            }
                        });
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
        return index;
    }

    private static List<String> typesOf(Path jar) {
        if (!Files.isRegularFile(jar)) {
            return List.of();
        }
        try (JarFile file = new JarFile(jar.toFile())) {
            return file.stream()
                    .map(e -> typeName(e.getName()))
                    .filter(n -> !n.isEmpty() && !n.startsWith("META-INF"))
                    .toList();
        } catch (IOException e) {
            return List.of(); // no jar: the compiler will say so
        }
    }

    private static String typeName(String file) {
        return file.endsWith(".class") && file.indexOf('$') < 0 && file.indexOf('-') < 0
                ? file.substring(0, file.length() - 6).replace('/', '.')
                : "";
    }
}
