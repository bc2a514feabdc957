package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What holds for the sources of all modules: a name stands for one class, the version is the same, lines are short. */
final class SourcesTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final List<String> MODULES = List.of("src/main/java", "kernel/src/main/java", "spark/src/main/java");

    /** The classes of other kernels that notebooks of theirs import: their names are given. */
    private static final List<String> OF_OTHER_KERNELS = List.of("io/github/spencerpark", "org/dflib/jjava");

    /**
     * Jupyter's message in the kernel and a chat's in the library: either is its field's own word, and neither module's
     * code knows the other's.
     */
    private static final Set<String> OF_TWO_FIELDS = Set.of("Message");

    private static final int COLUMNS = 120;

    private static final Pattern VERSION = Pattern.compile(
            "tunebook(?:[-_](?:parent|kernel|spark|bench))?" + "(?:</artifactId><version>|[-:])(\\d+\\.\\d+\\.\\d+)");
    private static final Pattern OWN =
            Pattern.compile("<artifactId>tunebook-parent</artifactId>\\s*<version>(\\d+\\.\\d+\\.\\d+)</version>");

    @Test
    void noTwoClassesHaveOneName() throws IOException {
        Map<String, List<String>> places = new TreeMap<>();
        for (Path file : sources(".java")) {
            String path = ROOT.relativize(file).toString().replace('\\', '/');
            String name = file.getFileName().toString();
            boolean given = OF_OTHER_KERNELS.stream().anyMatch(path::contains) || name.endsWith("-info.java");
            if (!given && !OF_TWO_FIELDS.contains(name.replace(".java", ""))) {
                places.computeIfAbsent(name, n -> new ArrayList<>()).add(path);
            }
        }
        assertThat(places).hasSizeGreaterThan(300);
        assertThat(places.values()).allSatisfy(files -> assertThat(files).hasSize(1));
    }

    /** The build's files, the programs that look for its jars, and the pages that name them. */
    @Test
    void theVersionIsTheSameEverywhere() throws IOException {
        Matcher own = OWN.matcher(Files.readString(ROOT.resolve("pom.xml")));
        assertThat(own.find()).isTrue();
        String version = own.group(1);
        Set<String> naming = new TreeSet<>();
        List<String> others = new ArrayList<>();
        for (Path file : files()) {
            Matcher found = VERSION.matcher(Files.readString(file));
            String path = ROOT.relativize(file).toString().replace('\\', '/');
            while (found.find()) {
                naming.add(path);
                if (!found.group(1).equals(version)) {
                    others.add(path + ": expected " + version + ", found " + found.group());
                }
            }
        }
        assertThat(others).isEmpty();
        assertThat(naming)
                .contains(
                        "src/pom.xml",
                        "kernel/pom.xml",
                        "spark/pom.xml",
                        "bench/pom.xml",
                        "environment/Lab.java",
                        "environment/Pack.java",
                        "jbang-catalog.json",
                        "notebooks/TEACHING.md",
                        "notebooks/09-at-scale.ipynb",
                        "kernel/README.md");
    }

    /** Prose and code have at most 120 columns. A string or an import may be longer. */
    @Test
    void noLineIsTooLong() throws IOException {
        List<String> found = new ArrayList<>();
        List<Path> sources = new ArrayList<>(sources(".java"));
        try (Stream<Path> files = Files.walk(ROOT.resolve("src/main/resources/io/tunebook"))) {
            files.filter(f -> f.toString().endsWith(".py") || f.toString().endsWith(".cu"))
                    .forEach(sources::add);
        }
        for (Path file : sources) {
            boolean textBlock = false;
            int number = 0;
            for (String line : Files.readAllLines(file)) {
                number++;
                String text = line.strip();
                boolean comment = text.startsWith("*") || text.startsWith("/") || text.startsWith("#");
                boolean string = !comment && (line.contains("\"") || text.startsWith("import "));
                if (line.codePointCount(0, line.length()) > COLUMNS && !textBlock && !string) {
                    found.add(ROOT.relativize(file) + ":" + number);
                }
                if (!comment && line.split("\"\"\"", -1).length % 2 == 0) {
                    textBlock = !textBlock;
                }
            }
        }
        assertThat(sources).hasSizeGreaterThan(400);
        assertThat(found).isEmpty();
    }

    /** The job on Spark is built apart, so that the rules of {@link ArchitectureTest} do not see it. */
    @Test
    void sparkKnowsThePreparationAlone() throws IOException {
        List<String> imports = new ArrayList<>();
        for (Path file : sources(".java")) {
            if (file.startsWith(ROOT.resolve("spark"))) {
                Pattern.compile("io\\.tunebook\\.((?!spark)[a-z.]+)\\.[A-Z]")
                        .matcher(Files.readString(file))
                        .results()
                        .forEach(r -> imports.add(r.group(1)));
            }
        }
        assertThat(imports).contains("prepare").isSubsetOf("prepare", "data", "tokenizer", "files");
    }

    private static List<Path> files() throws IOException {
        List<Path> all = new ArrayList<>();
        for (String folder : List.of(
                "",
                "src",
                "kernel",
                "spark",
                "bench",
                "environment",
                "notebooks",
                "notebooks/zh",
                ".github/workflows")) {
            try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
                files.filter(f -> f.toString().matches(".*\\.(xml|java|json|md|ipynb|yml|py)"))
                        .forEach(all::add);
            }
        }
        return all;
    }

    private static List<Path> sources(String ending) throws IOException {
        List<Path> all = new ArrayList<>();
        for (String module : MODULES) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(module))) {
                files.filter(f -> f.toString().endsWith(ending)).sorted().forEach(all::add);
            }
        }
        return all;
    }
}
