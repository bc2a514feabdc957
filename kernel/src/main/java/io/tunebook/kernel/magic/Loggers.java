package io.tunebook.kernel.magic;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Objects;
import java.util.Properties;

/** Loggers that print pages until they are told not to. */
final class Loggers {
    /**
     * In a file and not here: in the kernel's jar its own libraries are renamed, and with them what looks like their
     * names in its classes.
     */
    private static final String FILE = "loggers.properties";

    private Loggers() {}

    /**
     * Code that quiets the loggers among some libraries.
     *
     * @param libraries each as {@code group:artifact}
     */
    static List<String> quieted(List<String> libraries) {
        Properties known = new Properties();
        try (InputStream in = Loggers.class.getResourceAsStream(FILE)) {
            known.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // it is in the kernel's own jar
        }
        return libraries.stream()
                .map(known::getProperty)
                .filter(Objects::nonNull)
                .toList();
    }
}
