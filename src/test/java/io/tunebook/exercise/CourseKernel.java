package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The kernel with this library on its class path, as tests of notebooks start it. */
final class CourseKernel {
    private static final Path JAR =
            Path.of("../kernel/target/tunebook-kernel.jar").toAbsolutePath().normalize();

    /**
     * Tests may run on two cores, where Java uses new threads in place of those of the common pool, which have another
     * class loader.
     */
    private static final String MANY_CORES = "-Djava.util.concurrent.ForkJoinPool.common.parallelism=4";

    /** What a command said, and its exit status. */
    record Run(int status, String text) {}

    private CourseKernel() {}

    static void require() {
        assumeTrue(Files.exists(JAR), "skipped: no " + JAR + "; mvn package makes it");
        assumeTrue(System.getenv("TUNEBOOK_DEFAULT_MODEL") != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no model");
    }

    /** Executes notebooks headlessly, in their quick setting; the executed ones lie in the folder. */
    static Run notebooks(List<Path> notebooks, Path out, String... options) throws IOException, InterruptedException {
        return notebooks(Map.of(), notebooks, out, options);
    }

    /** The same with variables of the environment beside the usual ones. */
    static Run notebooks(Map<String, String> environment, List<Path> notebooks, Path out, String... options)
            throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(
                List.of("run", "--class-path", classPath(), "--timeout", "300", "--out", out.toString()));
        arguments.addAll(List.of("--jvm-option", MANY_CORES));
        arguments.addAll(List.of(options));
        notebooks.forEach(n -> arguments.add(n.toString()));
        return kernel(environment, arguments, out.resolve("log.txt"));
    }

    /** Writes the kernel's description below a folder, as the set-up does it. */
    static void install(Path prefix) throws IOException, InterruptedException {
        Run run = kernel(
                Map.of(),
                List.of(
                        "install",
                        "--prefix",
                        prefix.toString(),
                        "--name",
                        "tunebook",
                        "--class-path",
                        classPath(),
                        "--env",
                        "TUNEBOOK_DATA=" + ExerciseNotebook.FOLDER.resolve("data")),
                prefix.resolve("install.txt"));
        assertThat(run.status).as(run.text).isZero();
    }

    private static Run kernel(Map<String, String> environment, List<String> arguments, Path log)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-jar", JAR.toString()));
        command.addAll(arguments);
        Map<String, String> all = new HashMap<>(environment);
        all.put("TUNEBOOK_DATA", ExerciseNotebook.FOLDER.resolve("data").toString());
        all.put("TUNEBOOK_QUICK", "1");
        return run(command, Path.of(""), all, log);
    }

    static Run run(List<String> command, Path folder, Map<String, String> environment, Path log)
            throws IOException, InterruptedException {
        Files.createDirectories(log.getParent());
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toAbsolutePath().toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        int status = builder.start().waitFor();
        return new Run(status, Files.readString(log, StandardCharsets.UTF_8));
    }

    /** Without the logger that writes to stderr: nbgrader takes words there for a failure. */
    private static String classPath() {
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return Stream.of(all.split(File.pathSeparator))
                .filter(entry -> !entry.contains("slf4j-jdk14"))
                .collect(Collectors.joining(File.pathSeparator));
    }
}
