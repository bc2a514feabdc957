package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * However a file is damaged, what comes of it is read or is an exception of the documented kind that names the file: no
 * crash, no full heap, no hang. {@code -Dtunebook.fuzz.count=100000 -Dtunebook.fuzz.seed=7} tries more, or others.
 */
final class ParserFuzzTest {
    @TempDir
    Path folder;

    @Test
    @Timeout(3600)
    void damagedFilesAreReadOrRefused() throws Exception {
        attempt(Integer.getInteger("tunebook.fuzz.count", 2000), Long.getLong("tunebook.fuzz.seed", 1));
    }

    /** Others each night; the seed is in the message of a failure. */
    @Test
    @Tag("nightly")
    @Timeout(7200)
    void aHundredThousandDamagedFilesAreReadOrRefused() throws Exception {
        attempt(
                100_000,
                Long.getLong("tunebook.fuzz.seed", LocalDate.now(ZoneOffset.UTC).toEpochDay()));
    }

    private void attempt(int count, long seed) throws Exception {
        Path log = folder.resolveSibling(folder.getFileName() + ".log");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        ParserFuzz.class.getName(),
                        folder.toString(),
                        String.valueOf(seed),
                        String.valueOf(count))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            boolean ended = process.waitFor(60 + count / 20, TimeUnit.SECONDS);
            assertThat(ended)
                    .as(() -> "seed " + seed + ": it hangs on one of the files in " + kept())
                    .isTrue();
            String said = new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
            assertThat(process.exitValue())
                    .as(() -> "seed " + seed + ": " + said + "\nthe last files: " + kept())
                    .isZero();
            assertThat(said).containsPattern("tried " + count + ", read [1-9]\\d*, refused [1-9]\\d*");
        } finally {
            process.destroyForcibly().waitFor();
            Files.deleteIfExists(log);
        }
    }

    /** A copy of the files that were read last, since the folder goes with the test. */
    private String kept() {
        try {
            Path copy = Files.createTempDirectory("fuzz");
            try (var files = Files.list(folder)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    Files.copy(file, copy.resolve(file.getFileName()));
                }
            }
            return copy.toString();
        } catch (IOException e) {
            return folder + " (" + e + ")";
        }
    }
}
