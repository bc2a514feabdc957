package io.tunebook.files;

import java.io.File;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The command of a child process that runs a class of this library with this JVM's Java: small, and quick to start. */
public final class JavaCommand {
    private JavaCommand() {}

    /**
     * A command to which the class's arguments can be added.
     *
     * @param main the class whose {@code main} is run
     * @param libraries a class of each library that it needs; of others none is on its class path
     * @param options the JVM's options, such as {@code -Xmx128m}
     * @throws IllegalStateException if a class does not come from a file or a folder
     */
    public static List<String> of(Class<?> main, List<Class<?>> libraries, String... options) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of(options));
        Set<String> places = new LinkedHashSet<>();
        places.add(place(main));
        libraries.forEach(c -> places.add(place(c)));
        command.addAll(List.of("-cp", String.join(File.pathSeparator, places), main.getName()));
        return command;
    }

    private static String place(Class<?> c) {
        try {
            return Path.of(c.getProtectionDomain().getCodeSource().getLocation().toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new IllegalStateException("no place on disk for " + c, e);
        }
    }
}
