package io.tunebook.kernel.protocol;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
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
@JsonIgnoreProperties(ignoreUnknown = true)
public record ConnectionFile(
        String transport,
        String ip,
        String key,
        @JsonProperty("signature_scheme") String signatureScheme,
        @JsonProperty("shell_port") int shellPort,
        @JsonProperty("control_port") int controlPort,
        @JsonProperty("iopub_port") int iopubPort,
        @JsonProperty("stdin_port") int stdinPort,
        @JsonProperty("hb_port") int heartbeatPort) {

    public ConnectionFile {
        transport = transport == null || transport.isEmpty() ? "tcp" : transport;
        ip = ip == null || ip.isEmpty() ? "127.0.0.1" : ip;
        key = key == null ? "" : key;
        signatureScheme = signatureScheme == null || signatureScheme.isEmpty() ? "hmac-sha256" : signatureScheme;
    }

    /**
     * Reads a connection file.
     *
     * @throws IOException if it cannot be read or is not JSON
     * @throws IllegalArgumentException if it asks for what this kernel refuses: another signature, or to listen beyond this machine without a key
     */
    public static ConnectionFile read(Path file) throws IOException {
        ConnectionFile c = new ObjectMapper().readValue(file.toFile(), ConnectionFile.class);
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
