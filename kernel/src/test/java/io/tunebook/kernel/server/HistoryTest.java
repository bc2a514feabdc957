package io.tunebook.kernel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.kernel.protocol.Message;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The file of what was run: many kernels write it, and some are killed in the midst of it. */
class HistoryTest {
    @TempDir
    Path folder;

    private Path file() {
        return folder.resolve("deep").resolve("history.jsonl");
    }

    private static String tail(History history) {
        return history.answer(Message.object().put("hist_access_type", "tail").put("n", 50))
                .toString();
    }

    @Test
    void aLaterSessionFindsTheHistoryOfFormerOnes() throws IOException {
        new History(file()).add(1, "int x = 1;", "");
        Files.writeString(file(), "half a line {\"sess\n", StandardOpenOption.APPEND);
        History second = new History(file());
        second.add(1, "int y = 2;", "");
        assertThat(tail(second)).isEqualTo("[[1,1,\"int x = 1;\"],[2,1,\"int y = 2;\"]]");
    }

    @Test
    void whatIsBrokenIsLeftOut() throws IOException {
        History first = new History(file());
        first.add(1, "\"größer\"", "");
        first.add(2, "2", "");
        byte[] all = Files.readAllBytes(file());
        String text = new String(all, StandardCharsets.ISO_8859_1);
        int half = text.indexOf("\u00c3") + 1; // the first byte of ö alone
        // A whole line, then one that ends within a character, without a line's end.
        Files.write(file(), java.util.Arrays.copyOf(all, half), StandardOpenOption.APPEND);
        History second = new History(file());
        assertThat(tail(second)).isEqualTo("[[1,1,\"\\\"größer\\\"\"],[1,2,\"2\"]]");
        second.add(1, "3", "");
        assertThat(tail(new History(file()))).isEqualTo("[[1,1,\"\\\"größer\\\"\"],[1,2,\"2\"],[2,1,\"3\"]]");
    }

    @Test
    void nobodyElseReadsIt() throws IOException {
        assumeTrue(File.separatorChar == '/', "skipped: Windows has no POSIX permissions");
        new History(file()).add(1, "1", "");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file().getParent())))
                .isEqualTo("rwx------");
        Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString("rw-r--r--")); // of an earlier version
        new History(file()).add(1, "2", "");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
    }
}
