package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * How {@link EmbeddedOllama} takes requests and answers them: JSON, lines of JSON, errors in Ollama's form, and who may
 * ask at all.
 */
final class LocalHttp {
    private static final ObjectMapper JSON = Json.wire();

    /**
     * Pages of this machine, programs' own pages, and what {@code OLLAMA_ORIGINS} adds ({@code envconfig/config.go}).
     */
    private static final Pattern ORIGIN = origins(System.getenv("OLLAMA_ORIGINS"));

    /** A longer body is refused before it fills the memory. */
    private static final int LARGEST_BODY = 64 << 20;

    /** No name of a host is longer (RFC 1035), and a port takes six characters. */
    private static final int LONGEST_HOST = 262;

    private LocalHttp() {}

    /** @param more origins with commas between them, each with at most some {@code *} for anything; may be null */
    static Pattern origins(String more) {
        StringBuilder pattern = new StringBuilder("https?://(?:localhost|127\\.0\\.0\\.1|0\\.0\\.0\\.0)(?::\\d+)?"
                + "|(?:app|file|tauri|vscode-webview|vscode-file)"
                + "://.*");
        for (String origin :
                more == null || more.isBlank() ? new String[0] : more.strip().split(",")) {
            pattern.append('|').append(Pattern.quote(origin.strip()).replace("*", "\\E.*\\Q"));
        }
        return Pattern.compile(pattern.toString());
    }

    /** An answer that is an error, with Ollama's status and words; without a body where it has no words. */
    static final class Refusal extends RuntimeException {
        final int status;

        Refusal(int status, String words) {
            super(words, null, false, false);
            this.status = status;
        }
    }

    /**
     * Ollama's two guards against pages of the web that reach for servers of this machine: the origin is a local one,
     * and the host is a name of this machine or an address that no public name server would give ({@code
     * server/routes.go}).
     */
    static void checkLocal(HttpExchange exchange) throws IOException {
        String host = exchange.getRequestHeaders().getFirst("Host");
        String origin = exchange.getRequestHeaders().getFirst("Origin");
        if (host != null && host.length() > LONGEST_HOST || origin != null && origin.length() > 2 * LONGEST_HOST) {
            throw new Refusal(403, "");
        }
        boolean same = origin != null && origin.matches("https?://" + Pattern.quote(String.valueOf(host)));
        if (origin != null && !same) {
            if (!ORIGIN.matcher(origin).matches()) {
                throw new Refusal(403, "");
            }
            exchange.getResponseHeaders().set("Access-Control-Allow-Origin", origin);
            exchange.getResponseHeaders().set("Vary", "Origin");
        }
        if (!isLocal(host == null ? "" : host.replaceFirst(":\\d+$", "").toLowerCase(Locale.ROOT))) {
            throw new Refusal(403, "");
        }
    }

    private static boolean isLocal(String host) throws IOException {
        String bare = host.replaceAll("[\\[\\]]", "");
        // A literal address; a name would be asked of a name server.
        if (bare.matches("\\d+\\.\\d+\\.\\d+\\.\\d+|[0-9a-f:.]*:[0-9a-f:.]*")) {
            InetAddress address;
            try {
                address = InetAddress.getByName(bare);
            } catch (UnknownHostException noAddress) {
                return false;
            }
            boolean uniqueLocal = address instanceof Inet6Address && (address.getAddress()[0] & 0xfe) == 0xfc;
            return address.isLoopbackAddress()
                    || address.isAnyLocalAddress()
                    || address.isSiteLocalAddress()
                    || uniqueLocal
                    || NetworkInterface.getByInetAddress(address) != null;
        }
        return host.isEmpty()
                || host.equals("localhost")
                || host.endsWith(".localhost")
                || host.endsWith(".local")
                || host.endsWith(".internal")
                || host.equalsIgnoreCase(InetAddress.getLocalHost().getHostName());
    }

    static JsonNode body(HttpExchange exchange) throws IOException {
        byte[] bytes = exchange.getRequestBody().readNBytes(LARGEST_BODY + 1);
        if (bytes.length > LARGEST_BODY) {
            throw new Refusal(413, "request body too large: at most " + (LARGEST_BODY >> 20) + " MiB");
        }
        if (bytes.length == 0) {
            throw new Refusal(400, "missing request body");
        }
        return JSON.readTree(bytes);
    }

    static ObjectNode error(String words) {
        return JSON.createObjectNode().put("error", words);
    }

    static void send(HttpExchange exchange, int status, Object json) throws IOException {
        if (exchange.getResponseCode() != -1) {
            // Too late for a status: the error becomes the stream's last line.
            line(exchange, json);
            return;
        }
        exchange.getResponseHeaders().set("Content-Type", "application/json; charset=utf-8");
        write(exchange, status, JSON.writeValueAsBytes(json));
    }

    static void text(HttpExchange exchange, int status, String text) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
        write(exchange, status, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Sends a client to another path, with the page that Go's {@code http.Redirect} sends along. */
    static void redirect(HttpExchange exchange, int status, String to) throws IOException {
        String path;
        try {
            path = new URI(null, null, to, null).getRawPath(); // no quotation mark and no line's end is left in it
        } catch (URISyntaxException none) {
            throw new Refusal(404, "404 page not found");
        }
        exchange.getResponseHeaders().set("Location", path);
        if (exchange.getRequestMethod().equals("GET")) {
            exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
            String words = status == 301 ? "Moved Permanently" : "Temporary Redirect";
            write(
                    exchange,
                    status,
                    ("<a href=\"" + path + "\">" + words + "</a>.\n\n").getBytes(StandardCharsets.UTF_8));
        } else {
            exchange.sendResponseHeaders(status, -1);
        }
    }

    private static void write(HttpExchange exchange, int status, byte[] bytes) throws IOException {
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().set("Content-Length", String.valueOf(bytes.length));
            exchange.sendResponseHeaders(status, -1);
        } else {
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    /** A server-sent event, as OpenAI's interface streams. */
    static void event(HttpExchange exchange, String data) throws IOException {
        if (exchange.getResponseCode() == -1) {
            exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
            exchange.sendResponseHeaders(200, 0);
        }
        exchange.getResponseBody().write(("data: " + data + "\n\n").getBytes(StandardCharsets.UTF_8));
        exchange.getResponseBody().flush();
    }

    static void line(HttpExchange exchange, Object json) throws IOException {
        if (exchange.getResponseCode() == -1) {
            exchange.getResponseHeaders().set("Content-Type", "application/x-ndjson");
            exchange.sendResponseHeaders(200, 0);
        }
        OutputStream out = exchange.getResponseBody();
        out.write(JSON.writeValueAsBytes(json));
        out.write('\n');
        out.flush();
    }
}
