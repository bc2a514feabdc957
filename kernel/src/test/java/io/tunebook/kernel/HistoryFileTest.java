package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.protocol.Message;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The history that real kernels leave to later ones. */
class HistoryFileTest {
    @TempDir
    Path folder;

    private Path file() {
        return folder.resolve("history.jsonl");
    }

    private WireKernel start() {
        return WireKernel.start(List.of(), Map.of("TUNEBOOK_HISTORY", file().toString()));
    }

    private static JsonNode tail(WireKernel kernel) {
        return kernel.request(
                        WireKernel.Channel.SHELL,
                        "history_request",
                        Message.object().put("hist_access_type", "tail").put("n", 50))
                .reply()
                .path("history");
    }

    @Test
    void halfACharacterCostsItsLineAlone() throws IOException {
        try (WireKernel first = start()) {
            first.execute("\"größer\"");
            first.execute("2 + 2");
        }
        // What a kernel leaves that was killed in the midst of a character: a line without an end.
        byte[] half = {'{', '"', 's', (byte) 0xc3};
        Files.write(file(), half, StandardOpenOption.APPEND);
        try (WireKernel second = start()) {
            assertThat(tail(second).toString()).isEqualTo("[[1,1,\"\\\"größer\\\"\"],[1,2,\"2 + 2\"]]");
            second.execute("3");
        }
        assertThat(new String(Files.readAllBytes(file()), StandardCharsets.UTF_8).lines())
                .hasSize(4);
        try (WireKernel third = start()) {
            assertThat(tail(third).path(2).toString()).isEqualTo("[2,1,\"3\"]");
        }
    }

    @Test
    void nobodyElseReadsIt() throws IOException {
        assumeTrue(File.separatorChar == '/', "skipped: Windows has no POSIX permissions");
        Files.writeString(file(), "");
        Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString("rw-r--r--")); // of an earlier version
        try (WireKernel kernel = start()) {
            kernel.execute("1");
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
    }
}
