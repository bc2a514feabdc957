package io.tunebook.kernel.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is not whole or not safe is refused: a kernel on ports that nobody knows, without a key, would be open to
 * everybody on the machine.
 */
public class ConnectionFileTest {
    private static final String KEY = "0123-key-4567";

    @TempDir
    Path folder;

    private static ObjectNode whole() {
        return Message.object()
                .put("transport", "tcp")
                .put("ip", "127.0.0.1")
                .put("key", KEY)
                .put("signature_scheme", "hmac-sha256")
                .put("shell_port", 50001)
                .put("control_port", 50002)
                .put("iopub_port", 50003)
                .put("stdin_port", 50004)
                .put("hb_port", 50005);
    }

    private Path file(String content) throws IOException {
        return Files.writeString(folder.resolve("connection.json"), content);
    }

    private void refused(ObjectNode content, String why) throws IOException {
        Path file = file(content.toString());
        assertThatThrownBy(() -> ConnectionFile.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(file.toString(), why)
                .hasMessageNotContaining(KEY);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "{}", "[]", "null", "\"x\"", "5", "{\"key\":", "\u0000"})
    void whatIsNoConnectionFile(String content) throws IOException {
        Path file = file(content);
        assertThatThrownBy(() -> ConnectionFile.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file.toString());
    }

    @Test
    void theKeyMustBeThereThoughItMayBeEmpty() throws IOException {
        refused(whole().without("key"), "key");
        refused(whole().putNull("key"), "key");
        refused(whole().put("key", 5), "key");
        assertThat(ConnectionFile.read(file(whole().put("key", "").toString())).key())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"shell_port", "control_port", "iopub_port", "stdin_port", "hb_port"})
    void everyPortMustBeThere(String port) throws IOException {
        refused(whole().without(port), port);
        refused(whole().put(port, 0), port);
        refused(whole().put(port, 65_536), port);
        refused(whole().put(port, "x"), port);
        refused(whole().put(port, port.equals("hb_port") ? 50001 : 50005), "different");
    }

    @Test
    void otherSignaturesTransportsAndOpenAddresses() throws IOException {
        refused(whole().put("signature_scheme", "hmac-md5"), "hmac-sha256");
        refused(whole().put("transport", "udp"), "tcp or ipc");
        refused(whole().put("ip", "0.0.0.0").put("key", ""), "Set a key");
        assertThat(ConnectionFile.read(file(whole().toString())).toString()).doesNotContain(KEY);
    }
}
