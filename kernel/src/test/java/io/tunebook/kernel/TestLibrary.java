package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** Libraries that tests make for the class path of cells. */
public final class TestLibrary {
    private static final Pattern PACKAGE = Pattern.compile("package ([\\w.]+);");
    private static final Pattern TYPE = Pattern.compile("(?:class|interface|enum|record) (\\w+)");

    private TestLibrary() {}

    /**
     * Compiles source files, each with its package and one type, into a folder.
     *
     * @return the folder
     */
    public static Path classes(Path folder, String... sources) throws IOException {
        Path work = Files.createTempDirectory("sources");
        List<String> command = new ArrayList<>(List.of("-proc:none", "-d", folder.toString()));
        for (String source : sources) {
            Path file = work.resolve(first(PACKAGE, source).replace('.', '/')).resolve(first(TYPE, source) + ".java");
            Files.createDirectories(file.getParent());
            command.add(Files.writeString(file, source).toString());
        }
        Files.createDirectories(folder);
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, command.toArray(String[]::new)))
                .isZero();
        return folder;
    }

    private static String first(Pattern pattern, String text) {
        Matcher m = pattern.matcher(text);
        assertThat(m.find()).as(pattern + " in " + text).isTrue();
        return m.group(1);
    }

    /**
     * The same as a jar.
     *
     * @return the jar
     */
    public static Path jar(Path jar, String... sources) throws IOException {
        Path classes = classes(Files.createTempDirectory("classes"), sources);
        Files.createDirectories(jar.toAbsolutePath().getParent());
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream zip = new JarOutputStream(out);
                Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                zip.putNextEntry(
                        new JarEntry(classes.relativize(file).toString().replace('\\', '/')));
                zip.write(Files.readAllBytes(file));
            }
        }
        return jar;
    }

    /** Says to {@code ServiceLoader} who provides a service in a folder of classes. */
    public static void service(Path folder, String service, String provider) throws IOException {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.writeString(services.resolve(service), provider + "\n");
    }
}
