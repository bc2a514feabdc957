package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.tunebook.kernel.debug.DebuggerTest;
import io.tunebook.kernel.install.InstalledKernel;
import io.tunebook.kernel.protocol.ConnectionFileTest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/**
 * The kernel's tests on the other JDKs that stand beside the one that runs the build: in each build what depends most
 * on the JDK, interrupts and redefinition, and at night all of them. Nobody has to enter a test into a list for that.
 */
class OtherJdksIT {
    private static final Pattern VERSION = Pattern.compile("(?m)^JAVA_VERSION=\"(\\d+)");
    private static final String ALL = "--all";

    @Test
    void whatDependsMostOnTheJdk() throws Exception {
        List<String> classes = Stream.of(
                        OverTheWireTest.class,
                        InterruptTest.class,
                        InterruptedThreadsTest.class,
                        StatementsTest.class,
                        VariablesTest.class,
                        SubshellsTest.class,
                        DebuggerTest.class,
                        ConnectionFileTest.class)
                .map(Class::getName)
                .toList();
        for (Map.Entry<Integer, Path> jdk : others().entrySet()) {
            passes(jdk, classes);
        }
    }

    /** A process for each class, those included that take long. */
    @TestFactory
    @Tag("nightly")
    Stream<DynamicTest> allOfThem() throws IOException {
        List<String> classes = testClasses();
        assertThat(classes)
                .contains(AbortTest.class.getName(), StrangersTest.class.getName(), DebuggerTest.class.getName());
        return others().entrySet().stream().flatMap(jdk -> classes.stream()
                .map(c -> DynamicTest.dynamicTest(
                        "Java " + jdk.getKey() + ": " + c, () -> passes(jdk, List.of(ALL, c)))));
    }

    /** The names of all test classes of this module but this one. */
    private static List<String> testClasses() throws IOException {
        Path root = Path.of("target", "test-classes");
        try (Stream<Path> files = Files.walk(root)) {
            return files.map(f ->
                            root.relativize(f).toString().replace('\\', '.').replace('/', '.'))
                    .filter(f -> f.matches("[^$]*(Test|IT)\\.class"))
                    .map(f -> f.substring(0, f.length() - ".class".length()))
                    .filter(c -> !c.equals(OtherJdksIT.class.getName()))
                    .sorted()
                    .toList();
        }
    }

    private static void passes(Map.Entry<Integer, Path> jdk, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                jdk.getValue().resolve("bin").resolve("java").toString(),
                "-Dfile.encoding=UTF-8",
                "-Xmx1g",
                "-Djdk.attach.allowAttachSelf=true",
                "-XX:+EnableDynamicAgentLoading",
                "-cp",
                System.getProperty("java.class.path"),
                OtherJdksIT.class.getName()));
        command.addAll(arguments);
        InstalledKernel.Ended ended = InstalledKernel.run(Path.of("."), Map.of(), command, Duration.ofMinutes(40));
        System.out.println("Java " + jdk.getKey() + ": " + arguments + " "
                + ended.output().lines().reduce("", (before, line) -> line));
        assertThat(ended.status())
                .as("Java " + jdk.getKey() + "\n" + ended.output())
                .isZero();
    }

    /** The other JDKs by their versions; the calling test is skipped where there is none. */
    private static Map<Integer, Path> others() throws IOException {
        Map<Integer, Path> found = new TreeMap<>();
        Path siblings = Path.of(System.getProperty("java.home")).toRealPath().getParent();
        try (Stream<Path> folders = Files.list(siblings)) {
            for (Path jdk : folders.sorted().toList()) {
                if (Files.isRegularFile(jdk.resolve("release"))
                        && Files.exists(jdk.resolve("bin").resolve("javac"))) {
                    Matcher version = VERSION.matcher(Files.readString(jdk.resolve("release")));
                    if (version.find() && Integer.parseInt(version.group(1)) >= 17) {
                        found.put(Integer.parseInt(version.group(1)), jdk);
                    }
                }
            }
        }
        found.remove(Runtime.version().feature());
        assumeFalse(
                found.isEmpty(),
                "skipped: no other JDK of 17 or newer stands beside " + System.getProperty("java.home"));
        return found;
    }

    /**
     * Runs test classes by name, with {@value #ALL} also what takes long; the exit status is 1 if one fails or there
     * was none to run.
     */
    public static void main(String[] arguments) {
        boolean all = List.of(arguments).contains(ALL);
        LauncherDiscoveryRequestBuilder request = LauncherDiscoveryRequestBuilder.request()
                .selectors(Stream.of(arguments)
                        .filter(a -> !a.equals(ALL))
                        .map(DiscoverySelectors::selectClass)
                        .toList());
        if (!all) {
            request.filters(TagFilter.excludeTags("nightly"));
        }
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request.build(), listener);
        TestExecutionSummary summary = listener.getSummary();
        summary.printFailuresTo(new PrintWriter(System.out, true), 30);
        System.out.println(summary.getTestsSucceededCount() + " tests passed, " + summary.getTestsFailedCount()
                + " failed, " + summary.getTestsAbortedCount() + " skipped");
        boolean ran = summary.getTestsSucceededCount() + summary.getTestsAbortedCount() > 0;
        Runtime.getRuntime().halt(ran && summary.getTotalFailureCount() == 0 ? 0 : 1);
    }
}
