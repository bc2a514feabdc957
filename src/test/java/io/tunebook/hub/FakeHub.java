package io.tunebook.hub;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The endpoints of Hugging Face and ModelScope that clients ask, over one set of files, with faults to order. The JDK's
 * server, for it can break off in the middle of a body.
 */
final class FakeHub implements AutoCloseable {
    static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    /** The commit of the branch refs/convert/parquet. */
    static final String CONVERTED = "89abcdef0123456789abcdef0123456789abcdef";

    /** What goes wrong with one request for a file. */
    interface Fault {
        /** @return whether the request is answered with that */
        boolean answer(HttpExchange exchange, byte[] content) throws IOException;
    }

    /** One request as it came. */
    record Seen(String method, String path, String range, String authorization, String cookie) {}

    final List<Seen> seen = new CopyOnWriteArrayList<>();
    /** Taken one by one by requests for files' contents. */
    final Deque<Fault> faults = new ArrayDeque<>();
    /** Taken one by one by all other requests. */
    final Deque<Fault> apiFaults = new ArrayDeque<>();

    /** The files of the branch refs/convert/parquet, which does not exist without any. */
    final Map<String, byte[]> converted = new LinkedHashMap<>();

    private final Map<String, byte[]> files = new LinkedHashMap<>();
    private final HttpServer server;

    FakeHub() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newCachedThreadPool(run -> {
            Thread thread = new Thread(run, "fake-hub");
            thread.setDaemon(true);
            return thread;
        }));
        server.createContext("/", this::handle);
        server.start();
    }

    String url() {
        return "http://localhost:" + server.getAddress().getPort();
    }

    FakeHub with(String path, byte[] content) {
        files.put(path, content);
        return this;
    }

    FakeHub with(String path, String content) {
        return with(path, content.getBytes(StandardCharsets.UTF_8));
    }

    static Fault status(int status, String... headers) {
        return (exchange, content) -> {
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().add(headers[i], headers[i + 1]);
            }
            byte[] said = "{\"error\": \"so it is\"}".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, said.length);
            exchange.getResponseBody().write(said);
            return true;
        };
    }

    /** The right length is announced, half of it comes, then the connection goes. */
    static Fault cutOff() {
        return (exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, content.length / 2);
            exchange.getResponseBody().flush();
            throw new IOException("cut off");
        };
    }

    /** Half of it comes, then nothing for a while, and then it goes. */
    static Fault silent(long milliseconds) {
        return (exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, content.length / 2);
            exchange.getResponseBody().flush();
            sleep(milliseconds);
            throw new IOException("gone");
        };
    }

    static Fault slow(long milliseconds) {
        return (exchange, content) -> {
            sleep(milliseconds);
            return false;
        };
    }

    /** Other bytes, as long as the right ones or not. */
    static Fault sends(byte[] other) {
        return (exchange, content) -> {
            exchange.sendResponseHeaders(200, other.length);
            exchange.getResponseBody().write(other);
            return true;
        };
    }

    /**
     * A gigabyte, whatever was asked for.
     *
     * @param sent how much of it went out
     */
    static Fault endless(AtomicLong sent) {
        return (exchange, content) -> {
            exchange.sendResponseHeaders(200, 0);
            byte[] some = new byte[1 << 16];
            while (sent.get() < 1L << 30) {
                exchange.getResponseBody().write(some);
                sent.addAndGet(some.length);
            }
            return true;
        };
    }

    private static void sleep(long milliseconds) throws IOException {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath();
            Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
            seen.add(new Seen(
                    exchange.getRequestMethod(),
                    exchange.getRequestURI().toString(),
                    exchange.getRequestHeaders().getFirst("Range"),
                    exchange.getRequestHeaders().getFirst("Authorization"),
                    exchange.getRequestHeaders().getFirst("Cookie")));
            String file = path.contains("/resolve/")
                    ? path.replaceAll(".*/resolve/[^/]+/", "")
                    : path.endsWith("/repo")
                            ? query.get("FilePath")
                            : path.startsWith("/cdn/") ? path.substring(5) : null;
            byte[] content = file == null ? null : files.getOrDefault(file, converted.get(file));
            Fault fault;
            synchronized (this) {
                fault = (file == null ? apiFaults : faults).poll();
            }
            if (fault != null && fault.answer(exchange, content)) {
                return;
            }
            if (file != null) {
                file(exchange, content);
            } else {
                api(exchange, path, query);
            }
        }
    }

    private void file(HttpExchange exchange, byte[] content) throws IOException {
        if (content == null) {
            status(404).answer(exchange, null);
            return;
        }
        exchange.getResponseHeaders().add("ETag", "\"" + checksum(content) + "\"");
        exchange.getResponseHeaders().add("X-Repo-Commit", COMMIT);
        exchange.getResponseHeaders().add("X-Linked-Size", String.valueOf(content.length));
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().add("Content-Length", String.valueOf(content.length));
            exchange.sendResponseHeaders(200, -1);
            return;
        }
        String range = exchange.getRequestHeaders().getFirst("Range");
        byte[] body = content;
        int status = 200;
        if (range != null) {
            int from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
            exchange.getResponseHeaders()
                    .add("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
            body = Arrays.copyOfRange(content, from, content.length);
            status = 206;
        }
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    private void api(HttpExchange exchange, String path, Map<String, String> query) throws IOException {
        if (path.endsWith("/revision/refs/convert/parquet")) {
            if (converted.isEmpty()) {
                status(404).answer(exchange, null);
            } else {
                json(exchange, Map.of("sha", CONVERTED));
            }
        } else if (path.matches("/api/(models|datasets)/.+/revision/.+")) {
            List<Object> siblings = new ArrayList<>();
            files.keySet().forEach(f -> siblings.add(Map.of("rfilename", f)));
            json(exchange, Map.of("id", "owner/name", "sha", COMMIT, "siblings", siblings, "private", false));
        } else if (path.matches("/api/(models|datasets)/.+/tree/.+")) {
            tree(exchange, path, query);
        } else if (path.matches("/api/v1/models/owner/name/repo/files")) {
            json(exchange, Map.of("Code", 200, "Data", Map.of("Files", modelScopeFiles())));
        } else if (path.equals("/api/v1/datasets/owner/name")) {
            json(exchange, Map.of("Code", 200, "Data", Map.of("Id", 4711)));
        } else if (path.equals("/api/v1/datasets/4711/repo/tree")) {
            int page = Integer.parseInt(query.get("PageNumber"));
            List<Object> all = modelScopeFiles();
            int from = Math.min(all.size(), (page - 1) * 100);
            json(
                    exchange,
                    Map.of("Code", 200, "Data", Map.of("Files", all.subList(from, Math.min(all.size(), from + 100)))));
        } else {
            status(404).answer(exchange, null);
        }
    }

    /** Two entries a page, with the next page in the Link header, as the real one does with a thousand. */
    private void tree(HttpExchange exchange, String path, Map<String, String> query) throws IOException {
        List<Object> entries = new ArrayList<>();
        (path.endsWith(CONVERTED) ? converted : files).forEach((name, content) -> {
            Map<String, Object> entry = new LinkedHashMap<>(
                    Map.of("type", "file", "path", name, "size", content.length, "oid", gitSha1(content)));
            if (name.endsWith(".bin")) {
                entry.put("lfs", Map.of("oid", sha256(content), "size", content.length, "pointerSize", 130));
            }
            entries.add(entry);
        });
        int from = Integer.parseInt(query.getOrDefault("cursor", "0"));
        int to = Math.min(entries.size(), from + 2);
        if (to < entries.size()) {
            exchange.getResponseHeaders()
                    .add("Link", "<" + url() + path + "?recursive=true&cursor=" + to + ">; rel=\"next\"");
        }
        json(exchange, entries.subList(from, to));
    }

    private List<Object> modelScopeFiles() {
        List<Object> entries = new ArrayList<>();
        entries.add(Map.of("Type", "tree", "Path", "folder", "Name", "folder"));
        files.forEach((name, content) -> entries.add(
                Map.of("Type", "blob", "Path", name, "Name", name, "Size", content.length, "Sha256", sha256(content))));
        return entries;
    }

    private static void json(HttpExchange exchange, Object value) throws IOException {
        byte[] body = new ObjectMapper().writeValueAsBytes(value);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
    }

    private static Map<String, String> query(String raw) {
        Map<String, String> query = new LinkedHashMap<>();
        if (raw != null) {
            for (String pair : raw.split("&")) {
                String[] parts = pair.split("=", 2);
                query.put(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
            }
        }
        return query;
    }

    private String checksum(byte[] content) {
        return files.entrySet().stream()
                        .anyMatch(e -> e.getValue() == content && e.getKey().endsWith(".bin"))
                ? sha256(content)
                : gitSha1(content);
    }

    static String sha256(byte[] content) {
        return hash("SHA-256", content);
    }

    static String gitSha1(byte[] content) {
        byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8);
        byte[] all = Arrays.copyOf(head, head.length + content.length);
        System.arraycopy(content, 0, all, head.length, content.length);
        return hash("SHA-1", all);
    }

    private static String hash(String algorithm, byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
