package io.tunebook.kernel.install;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.launch.Version;
import java.io.IOException;
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

    /** The kernel's own libraries are renamed in its jar, and with them texts in its classes that begin as their names do. What is for users keeps its names. */
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

    /** As pip lays it out: nothing has run when the kernel is started first. */
    @Test
    void itMakesItsArchiveOfClassesByItself() throws Exception {
        Path folder = Files.createDirectories(scratch.resolve("tunebook"));
        try (ZipFile file = new ZipFile(wheel("UTC").toFile())) {
            for (String name : List.of(KernelSpecInstaller.JAR, "kernel.json")) {
                Files.copy(file.getInputStream(file.getEntry(SPEC + name)), folder.resolve(name));
            }
        }
        String spec = Files.readString(folder.resolve("kernel.json"));
        assertThat(spec).contains("-XX:SharedArchiveFile={resource_dir}/" + ClassArchive.NAME);
        List<String> command = new ArrayList<>();
        for (var part :
                new com.fasterxml.jackson.databind.ObjectMapper().readTree(spec).path("argv")) {
            command.add(part.asText().replace("{resource_dir}", folder.toString()));
        }
        command.set(0, KernelProcess.java().toString());
        FirstRun.run(command, Map.of()); // it starts and answers without an archive
        ClassArchive.make(folder.resolve(KernelSpecInstaller.JAR), folder);
        assertThat(folder.resolve(ClassArchive.NAME)).isRegularFile();
        assertThat(Files.size(folder.resolve(ClassArchive.NAME))).isGreaterThan(1_000_000);
        FirstRun.run(command, Map.of()); // and with it
        List<String> strict = new ArrayList<>(command);
        strict.set(strict.indexOf("-Xshare:auto"), "-Xshare:on"); // ends the JVM where the archive cannot be used
        FirstRun.run(strict, Map.of());
    }
}
