package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.protocol.Message;
import java.io.File;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a kernel's process begins and ends. */
class ProcessTest {
    private static Process start(Path connection, Path log, Map<String, String> environment) throws IOException {
        List<String> command = KernelProcess.command(List.of("-Xmx256m"));
        command.addAll(List.of("kernel", connection.toString()));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment()
                .put("TUNEBOOK_HISTORY", log.resolveSibling("history.jsonl").toString());
        builder.environment().putAll(environment);
        return builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    @Test
    void itEndsWithItsParent() throws Exception {
        assumeTrue(File.separatorChar == '/', "skipped: on Windows Jupyter gives no process id");
        Process parent = new ProcessBuilder("sleep", "600").start();
        try (WireKernel kernel = WireKernel.start(List.of(), Map.of("JPY_PARENT_PID", String.valueOf(parent.pid())))) {
            kernel.start("while (true) {}");
            parent.destroyForcibly().waitFor();
            assertThat(kernel.ends()).isTrue();
        } finally {
            parent.destroyForcibly();
        }
    }

    @Test
    void whatItsStartLeftIsCollectedWhenItRests() throws Exception {
        String collections = "java.lang.management.ManagementFactory.getGarbageCollectorMXBeans().stream()"
                + ".filter(b -> b.getName().contains(\"Old\") || b.getName().contains(\"MarkSweep\"))"
                + ".mapToLong(b -> b.getCollectionCount()).sum()";
        try (WireKernel kernel = WireKernel.start(List.of("-XX:+UseG1GC"), Map.of())) {
            String before = kernel.execute(collections).result();
            for (int i = 0; i < 10 && kernel.execute(collections).result().equals(before); i++) {
                Thread.sleep(5000);
            }
            assertThat(kernel.execute(collections).result()).isNotEqualTo(before);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "~~ | nothing",
                "{} | no key",
                "[] | ARRAY",
                "{\"key\": \"secret\"} | shell_port",
                "{\"key\": \"secret\", \"shell_port\": 50001, \"iopub_port\": 50002, \"stdin_port\": 50003, \"hb_port\": 50004}"
                        + " | control_port",
                "{\"shell_port\": 50001, \"iopub_port\": 50002, \"stdin_port\": 50003, \"hb_port\": 50004,"
                        + " \"control_port\": 50005} | no key",
            })
    void itRefusesAConnectionFileThatIsNotWhole(String content, String why, @TempDir Path folder) throws Exception {
        Path connection = Files.writeString(folder.resolve("connection.json"), content);
        Process process = start(connection, folder.resolve("log"), Map.of());
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(2);
        assertThat(Files.readString(folder.resolve("log")))
                .contains("connection.json", why)
                .doesNotContain("secret", "\tat ");
    }

    /** A stranger who may use the network of this machine has no way in. */
    @Test
    void byUnixDomainSocketsItOpensNoPort(@TempDir Path folder) throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/self/net/tcp")), "skipped: only Linux shows a process's sockets so");
        Path connection = folder.resolve("connection.json");
        Path sockets = folder.resolve("s");
        Files.writeString(
                connection,
                Message.object()
                        .put("transport", "ipc")
                        .put("ip", sockets.toString())
                        .put("key", "k")
                        .put("signature_scheme", "hmac-sha256")
                        .put("shell_port", 1)
                        .put("iopub_port", 2)
                        .put("stdin_port", 3)
                        .put("control_port", 4)
                        .put("hb_port", 5)
                        .toString());
        Process process = start(connection, folder.resolve("log"), Map.of());
        try {
            Path shell = folder.resolve("s-1");
            for (int i = 0; i < 600 && !Files.exists(folder.resolve("s-3")); i++) {
                Thread.sleep(100);
            }
            try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                channel.connect(UnixDomainSocketAddress.of(shell));
                ByteBuffer greeting = ByteBuffer.allocate(64);
                while (greeting.hasRemaining() && channel.read(greeting) >= 0) {
                    // until it is whole
                }
                assertThat(greeting.get(0)).isEqualTo((byte) 0xff);
            }
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(shell)))
                    .isEqualTo("rw-------");
            assertThat(ports(process.pid())).isEmpty();
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    /** The TCP sockets on which a process listens. */
    private static List<String> ports(long pid) throws IOException {
        List<String> inodes = new ArrayList<>();
        try (var links = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            for (Path link : links.toList()) {
                String target = Files.isSymbolicLink(link)
                        ? Files.readSymbolicLink(link).toString()
                        : "";
                if (target.startsWith("socket:[")) {
                    inodes.add(target.replaceAll("\\D", ""));
                }
            }
        }
        List<String> found = new ArrayList<>();
        for (String table : List.of("tcp", "tcp6")) {
            for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/net/" + table))) {
                String[] columns = line.strip().split("\\s+");
                if (columns.length > 9 && columns[3].equals("0A") && inodes.contains(columns[9])) {
                    found.add(columns[1]);
                }
            }
        }
        return found;
    }
}
