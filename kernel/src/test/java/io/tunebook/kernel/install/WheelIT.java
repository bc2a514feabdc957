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
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is handed on: the jar and the wheel. */
class WheelIT {
    private static final String SPEC =
            "tunebook_kernel-" + Version.current() + ".data/data/share/jupyter/kernels/tunebook/";

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
