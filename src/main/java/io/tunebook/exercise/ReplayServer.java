package io.tunebook.exercise;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Answers every request with status 200 and the same lines, to programs on this machine alone: for lessons on what a
 * client meets on the wire. It breaks things on purpose that a real server breaks only now and then.
 */
public final class ReplayServer implements AutoCloseable {
    private final HttpServer server;
    private final List<String> requests;

    private ReplayServer(HttpServer server, List<String> requests) {
        this.server = server;
        this.requests = requests;
    }

    /**
     * A server whose answers are whole.
     *
     * @param lines of JSON, one object each
     * @throws IOException if no port is free
     */
    public static ReplayServer answering(String... lines) throws IOException {
        return start(bytes(lines), 0);
    }

    /**
     * A server that announces more than these lines and closes the connection after them.
     *
     * @param lines of JSON, one object each
     * @throws IOException if no port is free
     */
    public static ReplayServer cuttingOff(String... lines) throws IOException {
        return start(bytes(lines), 1000);
    }

    private static byte[] bytes(String... lines) {
        return (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private static ReplayServer start(byte[] answer, int missing) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        List<String> requests = new CopyOnWriteArrayList<>();
        server.createContext("/", exchange -> {
            requests.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            answer(exchange, answer, missing);
        });
        server.start();
        return new ReplayServer(server, requests);
    }

    private static void answer(HttpExchange exchange, byte[] answer, int missing) throws IOException {
        exchange.getResponseHeaders().add("Content-Type", "application/x-ndjson");
        exchange.sendResponseHeaders(200, answer.length + missing);
        exchange.getResponseBody().write(answer);
        exchange.getResponseBody().flush();
        if (missing > 0) {
            throw new IOException("cut off on purpose"); // the JDK's server then closes the connection
        }
        exchange.close();
    }

    /** The address, such as {@code http://127.0.0.1:40123}. */
    public String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** The bodies of the requests that have come so far, in their order. */
    public List<String> requests() {
        return List.copyOf(requests);
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
