package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Each promise and each fault of SECURITY.md names tests that are there. */
final class SecurityPageTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern NAME = Pattern.compile("`(?:([A-Z]\\w*(?:Test|IT))(?:\\.(\\w+))?|([a-z]\\w+))`");

    @Test
    void everyTestThatItNamesIsThere() throws IOException {
        Map<String, String> sources = sources();
        List<String> missing = new ArrayList<>();
        int rows = 0;
        for (String line : Files.readAllLines(ROOT.resolve("SECURITY.md"))) {
            if (!line.startsWith("| ") || line.startsWith("| ---") || line.matches("\\|.*\\| tests? \\|")) {
                continue;
            }
            String[] cells = line.split(" \\| | \\|$");
            String tests = cells[cells.length - 1];
            if (tests.matches("the (same|tables below)")) {
                continue;
            }
            rows++;
            String last = null;
            Matcher name = NAME.matcher(tests);
            int found = 0;
            while (name.find()) {
                last = name.group(1) == null ? last : name.group(1);
                String method = name.group(1) == null ? name.group(3) : name.group(2);
                found++;
                String source = sources.get(last);
                if (source == null || method != null && !source.contains(" " + method + "(")) {
                    missing.add(last + (method == null ? "" : "." + method));
                }
            }
            if (found == 0) {
                missing.add("a test in the row: " + line);
            }
        }
        assertThat(missing).isEmpty();
        assertThat(rows).isGreaterThan(40);
    }

    private static Map<String, String> sources() throws IOException {
        Map<String, String> all = new HashMap<>();
        for (String module : List.of("src/test/java", "kernel/src/test/java")) {
            Path folder = ROOT.resolve(module);
            if (Files.isDirectory(folder)) {
                try (Stream<Path> files = Files.walk(folder)) {
                    for (Path file :
                            files.filter(f -> f.toString().endsWith(".java")).toList()) {
                        all.put(file.getFileName().toString().replace(".java", ""), Files.readString(file));
                    }
                }
            }
        }
        return all;
    }
}
