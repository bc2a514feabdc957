package io.tunebook.kernel.protocol;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

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
     * @throws IOException if it cannot be read
     * @throws IllegalArgumentException if it is not whole (a full disk leaves an empty one), or asks for what this
     *     kernel refuses: another signature, or to listen beyond this machine without a key
     */
    public static ConnectionFile read(Path file) throws IOException {
        // By hand: binding JSON to a record costs a start a hundred classes.
        JsonNode json;
        try {
            json = Message.JSON.readTree(file.toFile());
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + ": expected a connection file, found what is not JSON", e);
        }
        if (json == null || !json.isObject()) {
            throw new IllegalArgumentException(file + ": expected a connection file, found "
                    + (json == null || json.isMissingNode() ? "nothing" : json.getNodeType()));
        }
        if (!json.path("key").isTextual()) {
            throw new IllegalArgumentException(
                    file + ": there is no key. Without one anybody on this machine could run code here.");
        }
        ConnectionFile c = new ConnectionFile(
                text(json, "transport", "tcp"),
                text(json, "ip", "127.0.0.1"),
                json.path("key").asText(),
                text(json, "signature_scheme", "hmac-sha256"),
                port(file, json, "shell_port"),
                port(file, json, "control_port"),
                port(file, json, "iopub_port"),
                port(file, json, "stdin_port"),
                port(file, json, "hb_port"));
        if (Set.copyOf(c.ports()).size() < 5) {
            throw new IllegalArgumentException(file + ": expected five different ports, found " + c.ports());
        }
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

    private static int port(Path file, JsonNode json, String field) {
        int port = json.path(field).isInt() ? json.path(field).asInt() : 0;
        if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException(file + ": expected a port as " + field + ", found " + json.path(field));
        }
        return port;
    }

    private List<Integer> ports() {
        return List.of(shellPort, controlPort, iopubPort, stdinPort, heartbeatPort);
    }

    int port(Channel channel) {
        return switch (channel) {
            case SHELL -> shellPort;
            case CONTROL -> controlPort;
            case STDIN -> stdinPort;
        };
    }

    /** Where a channel listens: at a port, or at a file whose name ends in the port. */
    SocketAddress address(int port) throws IOException {
        if (transport.equals("tcp")) {
            InetAddress address = ip.equals("*") ? new InetSocketAddress(0).getAddress() : InetAddress.getByName(ip);
            return new InetSocketAddress(address, port);
        }
        Path path = file(port);
        Files.deleteIfExists(path); // a kernel that died leaves its file
        return UnixDomainSocketAddress.of(path);
    }

    private Path file(int port) {
        return Path.of(ip + "-" + port);
    }

    /** Makes the files of the transport ipc those of this user alone. */
    void protect() throws IOException {
        for (int port : transport.equals("ipc") ? ports() : List.<Integer>of()) {
            PosixFileAttributeView view = Files.getFileAttributeView(file(port), PosixFileAttributeView.class);
            if (view != null) {
                view.setPermissions(PosixFilePermissions.fromString("rw-------"));
            }
        }
    }

    /** The files of the transport ipc, to be deleted at the end. */
    public Set<Path> files() {
        Set<Path> files = new LinkedHashSet<>();
        for (int port : transport.equals("ipc") ? ports() : List.<Integer>of()) {
            files.add(file(port));
        }
        return files;
    }

    /** Without the key, which belongs in no log. */
    @Override
    public String toString() {
        return "ConnectionFile[" + transport + " " + ip + "]";
    }
}
