package io.tunebook.kernel.protocol;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;

/**
 * Where a frontend waits for its kernel.
 *
 * @param transport {@code tcp} or {@code ipc}
 * @param key of the signatures; empty for none
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files">Connection files</a>
 */
public record ConnectionFile(
        String transport,
        String ip,
        String key,
        String signatureScheme,
        int shellPort,
        int controlPort,
        int iopubPort,
        int stdinPort,
        int heartbeatPort) {

    /**
     * Reads a connection file.
     *
     * @throws IOException if it cannot be read or is not JSON
     * @throws IllegalArgumentException if it asks for what this kernel refuses: another signature, or to listen beyond this machine without a key
     */
    public static ConnectionFile read(Path file) throws IOException {
        // By hand: binding JSON to a record costs a start a hundred classes.
        JsonNode json = Message.JSON.readTree(file.toFile());
        ConnectionFile c = new ConnectionFile(
                text(json, "transport", "tcp"),
                text(json, "ip", "127.0.0.1"),
                text(json, "key", ""),
                text(json, "signature_scheme", "hmac-sha256"),
                json.path("shell_port").asInt(),
                json.path("control_port").asInt(),
                json.path("iopub_port").asInt(),
                json.path("stdin_port").asInt(),
                json.path("hb_port").asInt());
        if (!c.signatureScheme.equals("hmac-sha256")) {
            throw new IllegalArgumentException(
                    file + ": expected the signature scheme hmac-sha256, found " + c.signatureScheme);
        }
        if (!c.transport.equals("tcp") && !c.transport.equals("ipc")) {
            throw new IllegalArgumentException(file + ": expected the transport tcp or ipc, found " + c.transport);
        }
        if (c.key.isEmpty()
                && c.transport.equals("tcp")
                && !InetAddress.getByName(c.ip).isLoopbackAddress()) {
            throw new IllegalArgumentException(file + ": " + c.ip
                    + " is not this machine's loopback, and there is no key: anybody could run code here. Set a key.");
        }
        return c;
    }

    private static String text(JsonNode json, String field, String otherwise) {
        String found = json.path(field).asText();
        return found.isEmpty() ? otherwise : found;
    }

    /** Where a tcp channel listens. */
    String address(int port) {
        return "tcp://" + (ip.contains(":") ? "[" + ip + "]" : ip) + ":" + port;
    }

    /** Without the key, which belongs in no log. */
    @Override
    public String toString() {
        return "ConnectionFile[" + transport + " " + ip + "]";
    }
}
