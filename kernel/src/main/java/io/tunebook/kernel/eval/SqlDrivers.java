package io.tunebook.kernel.eval;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;

/**
 * JDBC's DriverManager looks for drivers once: those of jars that come later are loaded here, and register themselves.
 */
final class SqlDrivers {
    private SqlDrivers() {}

    static void register(Path jar, ClassLoader loader) {
        boolean looked = RedefinitionAgent.instrumentation()
                .map(i -> Arrays.stream(i.getAllLoadedClasses())
                        .anyMatch(c -> c.getName().equals("java.sql.DriverManager")))
                .orElse(true);
        if (!looked || !Files.isRegularFile(jar)) {
            return;
        }
        try (JarFile file = new JarFile(jar.toFile())) {
            ZipEntry services = file.getEntry("META-INF/services/java.sql.Driver");
            if (services == null) {
                return;
            }
            String text = new String(file.getInputStream(services).readAllBytes(), StandardCharsets.UTF_8);
            List<String> names = text.lines()
                    .map(l -> l.replaceAll("#.*", "").strip())
                    .filter(l -> !l.isEmpty())
                    .toList();
            for (String name : names) {
                Class.forName(name, true, loader);
            }
        } catch (IOException | ReflectiveOperationException | LinkageError e) {
            System.getLogger(SqlDrivers.class.getName())
                    .log(System.Logger.Level.DEBUG, "a driver of " + jar + " was left out", e);
        }
    }
}
