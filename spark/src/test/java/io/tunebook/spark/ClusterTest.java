package io.tunebook.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.prepare.Preparation;
import io.tunebook.tokenizer.Tokenizer;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A master and three workers on loopback. One worker is killed in the middle of the job. */
@Tag("nightly")
final class ClusterTest {
    private static final String LOOPBACK = "127.0.0.1";
    private static final int PATIENCE = 120; // seconds

    @TempDir
    Path folder;

    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void stop() throws IOException {
        processes.forEach(ClusterTest::kill);
        try (Stream<Path> links = Files.list(folder.resolve("home/jars"))) {
            for (Path link : links.toList()) {
                Files.delete(link);
            }
        }
    }

    private static void kill(Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        process.onExit().join();
    }

    /** A worker starts its executors with the jars of Spark's home. */
    private Path home() throws IOException {
        Path jars = Files.createDirectories(folder.resolve("home/jars"));
        for (String entry : classPath()) {
            if (entry.endsWith(".jar")) {
                Path jar = Path.of(entry).toAbsolutePath();
                Files.createSymbolicLink(jars.resolve(jar.getFileName()), jar);
            }
        }
        return jars.getParent();
    }

    private static List<String> classPath() {
        return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(e -> Path.of(e).toAbsolutePath().toString())
                .distinct()
                .toList();
    }

    private Process start(Path home, String log, String... main) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-Xmx256m",
                "-cp",
                String.join(File.pathSeparator, classPath())));
        command.addAll(List.of(main));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("SPARK_HOME", home.toString());
        builder.environment().put("SPARK_SCALA_VERSION", "2.13");
        builder.environment().put("SPARK_LOCAL_IP", LOOPBACK);
        builder.redirectOutput(folder.resolve(log).toFile());
        Process process = builder.start();
        processes.add(process);
        return process;
    }

    private static void waitUntil(String what, Attempt attempt) throws IOException, InterruptedException {
        long end = System.nanoTime() + PATIENCE * 1_000_000_000L;
        while (!attempt.done()) {
            assertThat(System.nanoTime()).as(what).isLessThan(end);
            Thread.sleep(50);
        }
    }

    private interface Attempt {
        boolean done() throws IOException;
    }

    @Test
    void theJobSurvivesAWorkerThatIsKilledAndGivesTheSameBytes() throws Exception {
        SparkPreparationTest.requireAJavaThatSparkRunsOn();
        Path in = SparkPreparationTest.input(folder.resolve("in"), 8);
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName(LOOPBACK))) {
            port = free.getLocalPort();
        }
        Path home = home();
        start(
                home,
                "master.log",
                "org.apache.spark.deploy.master.Master",
                "--host",
                LOOPBACK,
                "--port",
                "" + port,
                "--webui-port",
                "0");
        waitUntil("the master listens", () -> {
            try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(LOOPBACK, port), 1000);
                return true;
            } catch (IOException e) {
                return false;
            }
        });
        List<Process> workers = new ArrayList<>();
        for (int w = 0; w < 3; w++) {
            workers.add(start(
                    home,
                    "worker-" + w + ".log",
                    "org.apache.spark.deploy.worker.Worker",
                    "--host",
                    LOOPBACK,
                    "--cores",
                    "1",
                    "--memory",
                    "1g",
                    "--webui-port",
                    "0",
                    "--work-dir",
                    folder.resolve("worker-" + w).toString(),
                    "spark://" + LOOPBACK + ":" + port));
        }
        Path out = folder.resolve("out");
        SparkConf settings = new SparkConf()
                .setMaster("spark://" + LOOPBACK + ":" + port)
                .setAppName("cluster test")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", LOOPBACK)
                .set("spark.driver.bindAddress", LOOPBACK)
                .set("spark.executor.memory", "700m")
                .set("spark.executor.cores", "1")
                .set("spark.scheduler.minRegisteredResourcesRatio", "1")
                .set("spark.scheduler.maxRegisteredResourcesWaitingTime", PATIENCE + "s")
                .set("spark.cores.max", "3")
                .set("spark.executor.extraClassPath", String.join(File.pathSeparator, classPath()));
        try (JavaSparkContext spark = new JavaSparkContext(settings)) {
            Thread killer = new Thread(() -> {
                try {
                    waitUntil("a unit is read", () -> found(out, "unit-000001.json"));
                    kill(workers.get(0));
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            killer.start();
            SparkPreparation.run(
                    spark, in.toString(), SparkPreparationTest.TOKENIZER, SparkPreparationTest.OPTIONS, out.toString());
            killer.join();
        }
        assertThat(workers.get(0).isAlive()).isFalse();
        assertThat(workers.get(1).isAlive()).isTrue();
        Path one = folder.resolve("one");
        try (Tokenizer tokenizer = Tokenizer.load(SparkPreparationTest.TOKENIZER)) {
            Preparation.run(in.toString(), tokenizer, SparkPreparationTest.OPTIONS, one);
        }
        assertThat(SparkPreparationTest.files(out))
                .isEqualTo(SparkPreparationTest.files(one))
                .hasSize(5);
    }

    private static boolean found(Path folder, String name) throws IOException {
        if (!Files.exists(folder)) {
            return false;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            return files.anyMatch(f -> f.getFileName().toString().equals(name));
        } catch (java.io.UncheckedIOException e) {
            return false; // something was moved meanwhile
        }
    }
}
