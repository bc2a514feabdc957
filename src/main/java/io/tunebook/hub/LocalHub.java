package io.tunebook.hub;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tunebook.files.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

/**
 * A hub on this machine, for lessons and for machines without a network: one folder, served by the endpoints of Hugging
 * Face's hub ({@code /api/…/revision}, {@code /api/…/tree}, {@code /…/resolve}), to programs on this machine alone.
 * {@link HubSource#mirror} names it to {@link Hub}, {@code HF_ENDPOINT} to Python. The files must stay as they are
 * while it runs.
 */
public final class LocalHub implements AutoCloseable {
    private static final ObjectMapper JSON = Json.wire();

    private record Held(Path path, long bytes, String hash) {}

    private final String id;
    private final Map<String, Held> files;
    private final String commit;
    private final HttpServer server;
    private final ExecutorService workers = Executors.newCachedThreadPool(run -> {
        Thread thread = new Thread(run, "local-hub");
        thread.setDaemon(true);
        return thread;
    });
    private final List<String> requests = new CopyOnWriteArrayList<>();

    private LocalHub(String id, Map<String, Held> files, String commit, HttpServer server) {
        this.id = id;
        this.files = files;
        this.commit = commit;
        this.server = server;
    }

    /**
     * Serves a folder as one repository, a model or a data set.
     *
     * @param id {@code owner/name}
     * @throws IOException if the folder cannot be read or no port is free
     */
    public static LocalHub serve(String id, Path folder) throws IOException {
        Map<String, Held> files = new TreeMap<>();
        List<Path> found;
        try (Stream<Path> walk = Files.walk(folder)) {
            found = walk.filter(Files::isRegularFile).toList();
        }
        MessageDigest all = sha1();
        for (Path path : found) {
            String name = folder.relativize(path).toString().replace('\\', '/');
            Held held = new Held(path, Files.size(path), blob(path));
            files.put(name, held);
        }
        files.forEach((name, held) -> all.update((held.hash() + name).getBytes(StandardCharsets.UTF_8)));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        LocalHub hub = new LocalHub(id, files, HexFormat.of().formatHex(all.digest()), server);
        server.setExecutor(hub.workers);
        server.createContext("/", hub::handle);
        server.start();
        return hub;
    }

    /** The address, such as {@code http://127.0.0.1:40123}. */
    public String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** What was asked so far: method and path of each request. */
    public List<String> requests() {
        return List.copyOf(requests);
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            requests.add(exchange.getRequestMethod() + " " + path);
            String kind = path.startsWith("/api/datasets/") || path.startsWith("/datasets/") ? "datasets" : "models";
            String api = "/api/" + kind + "/" + id;
            String resolve = (kind.equals("datasets") ? "/datasets/" : "/") + id + "/resolve/";
            if (path.equals(api + "/revision/main") || path.equals(api + "/revision/" + commit)) {
                json(exchange, 200, Map.of("id", id, "sha", commit, "private", false));
            } else if (path.startsWith(api + "/tree/")) {
                json(exchange, 200, tree());
            } else if (path.startsWith(resolve)) {
                String rest = path.substring(resolve.length());
                file(exchange, files.get(rest.substring(rest.indexOf('/') + 1)));
            } else {
                json(exchange, 404, Map.of("error", "Repository or revision not found"));
            }
        }
    }

    private List<Map<String, Object>> tree() {
        List<Map<String, Object>> tree = new ArrayList<>();
        files.forEach((name, held) ->
                tree.add(Map.of("type", "file", "path", name, "size", held.bytes(), "oid", held.hash())));
        return tree;
    }

    private void file(HttpExchange exchange, Held held) throws IOException {
        if (held == null) {
            json(exchange, 404, Map.of("error", "Entry not found"));
            return;
        }
        exchange.getResponseHeaders().add("ETag", "\"" + held.hash() + "\"");
        exchange.getResponseHeaders().add("X-Repo-Commit", commit);
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().add("Content-Length", String.valueOf(held.bytes()));
            exchange.sendResponseHeaders(200, -1);
            return;
        }
        String range = exchange.getRequestHeaders().getFirst("Range");
        boolean part = range != null && range.matches("bytes=\\d{1,18}-");
        long from = part ? Long.parseLong(range.replaceAll("\\D", "")) : 0;
        if (from > 0 && from >= held.bytes()) {
            exchange.sendResponseHeaders(416, -1);
            return;
        }
        if (part) {
            exchange.getResponseHeaders()
                    .add("Content-Range", "bytes " + from + "-" + (held.bytes() - 1) + "/" + held.bytes());
        }
        long length = held.bytes() - from;
        exchange.sendResponseHeaders(part ? 206 : 200, length == 0 ? -1 : length);
        try (InputStream in = Files.newInputStream(held.path())) {
            in.skipNBytes(from);
            in.transferTo(exchange.getResponseBody());
        }
    }

    private static void json(HttpExchange exchange, int status, Object value) throws IOException {
        byte[] body = JSON.writeValueAsBytes(value);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    /** The hash by which Git, and so the hub, names a file: SHA-1 over "blob", its size, a zero byte and its bytes. */
    private static String blob(Path path) throws IOException {
        MessageDigest digest = sha1();
        digest.update(("blob " + Files.size(path) + "\0").getBytes(StandardCharsets.UTF_8));
        byte[] buffer = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(path)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha1() {
        try {
            return MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
    }

    @Override
    public void close() {
        server.stop(0);
        workers.shutdownNow();
    }
}
