package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.tunebook.kernel.debug.DebuggerTest;
import io.tunebook.kernel.install.InstalledKernel;
import io.tunebook.kernel.protocol.ConnectionFileTest;
import io.tunebook.kernel.widgets.WidgetsTest;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Tests on the other JDKs that stand beside the one that runs the build; each time what depends most on the JDK: interrupts and redefinition. */
class OtherJdksIT {
    private static final Pattern VERSION = Pattern.compile("(?m)^JAVA_VERSION=\"(\\d+)");

    @Test
    void interruptsVariablesSubshellsAndTheDebugger() throws Exception {
        passOnOtherJdks(
                OverTheWireTest.class,
                InterruptTest.class,
                VariablesTest.class,
                SubshellsTest.class,
                DebuggerTest.class,
                ConnectionFileTest.class);
    }

    @Test
    @Tag("nightly")
    void errorsHostileCellsAndStrangers() throws Exception {
        passOnOtherJdks(
                AbortTest.class,
                ControlChannelTest.class,
                KernelOutputTest.class,
                FullHeapTest.class,
                HostileCellsTest.class,
                StrangersTest.class,
                ProcessTest.class,
                ErrorsTest.class,
                KernelTest.class);
    }

    @Test
    @Tag("nightly")
    void theLanguageDisplaysHistoryAndMaven() throws Exception {
        passOnOtherJdks(
                LanguageTest.class,
                ShellAndTimeTest.class,
                DisplayTest.class,
                RenderersTest.class,
                WidgetsTest.class,
                JvmMagicTest.class,
                ProcessorsTest.class,
                HistoryFileTest.class,
                CellTimeoutTest.class,
                MavenTest.class);
    }

    private static void passOnOtherJdks(Class<?>... tests) throws Exception {
        Map<Integer, Path> jdks = others();
        assumeFalse(
                jdks.isEmpty(),
                "skipped: no other JDK of 17 or newer stands beside " + System.getProperty("java.home"));
        for (Map.Entry<Integer, Path> jdk : jdks.entrySet()) {
            List<String> command = new ArrayList<>(List.of(
                    jdk.getValue().resolve("bin").resolve("java").toString(),
                    "-Dfile.encoding=UTF-8",
                    "-Xmx1g",
                    "-Djdk.attach.allowAttachSelf=true",
                    "-XX:+EnableDynamicAgentLoading",
                    "-cp",
                    System.getProperty("java.class.path"),
                    OtherJdksIT.class.getName()));
            Stream.of(tests).map(Class::getName).forEach(command::add);
            InstalledKernel.Ended ended = InstalledKernel.run(Path.of("."), Map.of(), command);
            System.out.println(
                    "Java " + jdk.getKey() + ": " + ended.output().lines().toList());
            assertThat(ended.status())
                    .as("Java " + jdk.getKey() + "\n" + ended.output())
                    .isZero();
        }
    }

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
        return found;
    }

    /** Runs test classes by name, but not what takes long; the exit status is 1 if one fails or none ran. */
    public static void main(String[] classes) {
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(Stream.of(classes)
                                        .map(DiscoverySelectors::selectClass)
                                        .toList())
                                .filters(TagFilter.excludeTags("nightly"))
                                .build(),
                        listener);
        listener.getSummary().printFailuresTo(new PrintWriter(System.out, true), 30);
        long ran = listener.getSummary().getTestsSucceededCount();
        System.out.println(ran + " tests passed, " + listener.getSummary().getTestsFailedCount() + " failed");
        Runtime.getRuntime().halt(ran > 0 && listener.getSummary().getTotalFailureCount() == 0 ? 0 : 1);
    }
}
