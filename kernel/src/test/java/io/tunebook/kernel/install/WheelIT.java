package io.tunebook.kernel.install;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.launch.Version;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.ChildKernel;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.zmtp.Client;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.objectweb.asm.ClassReader;

/** What is handed on: the jar and the wheel. */
class WheelIT {
    private static final String SPEC =
            "tunebook_kernel-" + Version.current() + ".data/data/share/jupyter/kernels/tunebook/";

    private static final int STRING = 8; // the tag of a constant

    @TempDir
    Path scratch;

    private Path wheel(String timeZone) throws IOException, InterruptedException {
        Path folder = Files.createDirectories(scratch.resolve(timeZone.replace('/', '-')));
        InstalledKernel.Ended ended = InstalledKernel.run(
                scratch,
                Map.of(),
                List.of(
                        KernelProcess.java().toString(),
                        "-Duser.timezone=" + timeZone,
                        "-jar",
                        InstalledKernel.jar().toString(),
                        "wheel",
                        folder.toString()));
        assertThat(ended.status()).as(ended.output()).isZero();
        return folder.resolve("tunebook_kernel-" + Version.current() + "-py3-none-any.whl");
    }

    private static List<String> names(Path zip) throws IOException {
        try (ZipFile file = new ZipFile(zip.toFile())) {
            return Collections.list(file.entries()).stream()
                    .map(ZipEntry::getName)
                    .toList();
        }
    }

    @Test
    void theSameJarGivesTheSameWheelInAnyTimeZone() throws Exception {
        byte[] first = Files.readAllBytes(wheel("UTC"));
        assertThat(Files.readAllBytes(wheel("Asia/Kolkata"))).isEqualTo(first);
        assertThat(Files.readAllBytes(wheel("America/Los_Angeles"))).isEqualTo(first);
    }

    @Test
    void theyCarryTheirLicences() throws Exception {
        assertThat(names(InstalledKernel.jar()))
                .contains("META-INF/LICENSE", "META-INF/NOTICE", "META-INF/third-party/asm/LICENSE.txt")
                .anyMatch(n -> n.matches("META-INF/third-party/slf4j-api.*/LICENSE.txt"))
                .anyMatch(n -> n.matches("META-INF/third-party/jackson-databind.*/NOTICE"));
        String info = "tunebook_kernel-" + Version.current() + ".dist-info/licenses/META-INF/";
        assertThat(names(wheel("UTC")))
                .contains(info + "LICENSE", info + "NOTICE", info + "third-party/asm/LICENSE.txt");
        try (ZipFile jar = new ZipFile(InstalledKernel.jar().toFile())) {
            String text = new String(
                    jar.getInputStream(jar.getEntry("META-INF/LICENSE")).readAllBytes(),
                    java.nio.charset.StandardCharsets.UTF_8);
            assertThat(text).contains("Apache License");
        }
    }

    /**
     * The kernel's own libraries are renamed in its jar, and with them texts in its classes that begin as their names
     * do. What is for users keeps its names.
     */
    @Test
    void noTextOfTheKernelIsRenamed() throws IOException {
        List<String> renamed = new ArrayList<>();
        try (ZipFile jar = new ZipFile(InstalledKernel.jar().toFile())) {
            for (ZipEntry entry : Collections.list(jar.entries())) {
                String name = entry.getName();
                if (name.endsWith(".class")
                        && name.startsWith("io/tunebook/kernel/")
                        && !name.contains("/shaded/")
                        && !name.contains("META-INF")) {
                    texts(jar.getInputStream(entry).readAllBytes())
                            .filter(t -> t.contains("tunebook.kernel.shaded"))
                            .forEach(t -> renamed.add(name + ": " + t));
                }
            }
        }
        assertThat(renamed).isEmpty();
    }

    /** The string constants of a class. */
    private static Stream<String> texts(byte[] classFile) {
        ClassReader reader = new ClassReader(classFile);
        char[] buffer = new char[reader.getMaxStringLength()];
        return IntStream.range(1, reader.getItemCount())
                .map(reader::getItem)
                .filter(at -> at > 0 && reader.readByte(at - 1) == STRING)
                .mapToObj(at -> reader.readUTF8(at, buffer));
    }

    /** What pip makes of the wheel: nothing has run. */
    private Path laidOut() throws Exception {
        Path folder = Files.createDirectories(scratch.resolve("tunebook"));
        try (ZipFile file = new ZipFile(wheel("UTC").toFile())) {
            for (String name : List.of(KernelSpecInstaller.JAR, "kernel.json")) {
                Files.copy(file.getInputStream(file.getEntry(SPEC + name)), folder.resolve(name));
            }
        }
        return folder;
    }

    /** How Jupyter starts it. */
    private static List<String> command(Path folder) throws IOException {
        String spec = Files.readString(folder.resolve("kernel.json"));
        assertThat(spec).contains("-XX:SharedArchiveFile={resource_dir}/" + ClassArchive.NAME);
        List<String> command = new ArrayList<>();
        for (var part : new ObjectMapper().readTree(spec).path("argv")) {
            command.add(part.asText().replace("{resource_dir}", folder.toString()));
        }
        command.set(0, KernelProcess.java().toString());
        return command;
    }

    /** The same, but the JVM ends where the archive cannot be used. */
    private static List<String> strict(List<String> command) {
        List<String> strict = new ArrayList<>(command);
        strict.set(strict.indexOf("-Xshare:auto"), "-Xshare:on");
        return strict;
    }

    @Test
    void itStartsWithAndWithoutAnArchiveOfClasses() throws Exception {
        Path folder = laidOut();
        List<String> command = command(folder);
        FirstRun.run(command, Map.of());
        ClassArchive.make(folder.resolve(KernelSpecInstaller.JAR), folder);
        assertThat(folder.resolve(ClassArchive.NAME)).isRegularFile();
        assertThat(Files.size(folder.resolve(ClassArchive.NAME))).isGreaterThan(1_000_000);
        FirstRun.run(command, Map.of());
        FirstRun.run(strict(command), Map.of());
    }

    /** The first kernel that a person starts makes it some time after its start, and goes on. */
    @Test
    @Tag("nightly")
    void itMakesItsArchiveOfClassesByItself() throws Exception {
        Path folder = laidOut();
        Map<String, String> environment =
                Map.of("TUNEBOOK_HISTORY", scratch.resolve("history.jsonl").toString());
        Path archive = folder.resolve(ClassArchive.NAME);
        try (ChildKernel kernel = new ChildKernel(command(folder), environment, OutputStream.nullOutputStream());
                Client shell = kernel.connect(Channel.SHELL, new byte[0])) {
            kernel.ask(shell, "kernel_info_request", Message.object());
            for (int i = 0; i < 1800 && !Files.exists(archive); i++) {
                Thread.sleep(100);
            }
            assertThat(archive).isRegularFile();
            Message sum = kernel.ask(shell, "execute_request", Message.object().put("code", "1 + 1"));
            assertThat(sum.content().path("status").asText()).isEqualTo("ok");
        }
        FirstRun.run(strict(command(folder)), Map.of());
    }
}
