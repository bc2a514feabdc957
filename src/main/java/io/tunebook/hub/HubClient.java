package io.tunebook.hub;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * HTTP as hubs need it: redirects on which the token stays with the host it belongs to, waits that {@code Retry-After}
 * asks for, bodies that may be slow but not silent.
 */
final class HubClient {
    private static final ObjectMapper JSON = Json.wire();
    private static final int REDIRECTS = 8;
    private static final int TRIES = 5;
    private static final HttpClient HTTP = HttpClient.newBuilder()
            .connectTimeout(Duration.ofSeconds(5))
            .followRedirects(HttpClient.Redirect.NEVER)
            .proxy(proxies(System.getenv()))
            .build();
    /** Shared by all clients: one daemon thread, which only looks at clocks. */
    private static final ScheduledThreadPoolExecutor WATCH = new ScheduledThreadPoolExecutor(1, run -> {
        Thread thread = new Thread(run, "hub-watch");
        thread.setDaemon(true);
        return thread;
    });

    static {
        WATCH.setRemoveOnCancelPolicy(true);
    }

    private final HubSource source;
    private final URI endpoint;
    private final Optional<String> token;
    private final Duration silence;

    /** @param silence how long a body may send nothing before the connection counts as lost */
    HubClient(HubSource source, URI endpoint, Optional<String> token, Duration silence) {
        this.source = source;
        this.endpoint = endpoint;
        this.token = token;
        this.silence = silence;
    }

    /** A JSON answer and where the next page is. */
    record Page(JsonNode json, Optional<URI> next) {}

    /**
     * One JSON document.
     *
     * @param deadline after which waiting is given up
     */
    Page json(URI uri, Instant deadline) throws IOException {
        HttpResponse<InputStream> response = get(uri, 0, deadline);
        try (InputStream body = watched(response.body())) {
            Optional<URI> next = response.headers()
                    .firstValue("link")
                    .filter(link -> link.contains("rel=\"next\""))
                    .map(link -> uri.resolve(link.substring(link.indexOf('<') + 1, link.indexOf('>'))));
            return new Page(JSON.readTree(body), next);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new HubException(
                    uri + " answered something that is not JSON: is there a login page in between?", 200, e);
        }
    }

    /**
     * The answer to a GET with status 200 or 206 (or 416 if a range was asked for). 429 and 503 are waited out as long
     * as the deadline allows.
     *
     * @param from the first byte wanted; 0 for all
     */
    HttpResponse<InputStream> get(URI uri, long from, Instant deadline) throws IOException {
        for (int attempt = 1; ; attempt++) {
            HttpResponse<InputStream> response = follow(uri, from, deadline);
            int status = response.statusCode();
            if (status == 200 || status == 206 || status == 416 && from > 0) {
                return response;
            }
            String said = excerpt(response);
            Duration wait = retryAfter(response).orElse(Duration.ofMillis(500L << attempt));
            boolean again = (status == 408 || status == 429 || status >= 500 && status != 501) && attempt < TRIES;
            if (!again || Instant.now().plus(wait).isAfter(deadline)) {
                throw new HubException(
                        uri + " answered " + status + explain(status) + (said.isEmpty() ? "" : ": " + said)
                                + (again ? " (asked to wait " + wait.toSeconds() + " s)" : ""),
                        status,
                        null);
            }
            pause(wait);
        }
    }

    private HttpResponse<InputStream> follow(URI uri, long from, Instant deadline) throws IOException {
        URI at = uri;
        for (int hop = 0; hop < REDIRECTS; hop++) {
            Duration left = Duration.between(Instant.now(), deadline);
            if (left.isNegative() || left.isZero()) {
                throw new HubException(at + " was not asked any more: the time was up", 0, null);
            }
            HttpRequest.Builder request = HttpRequest.newBuilder(at)
                    .timeout(left.compareTo(silence) < 0 ? left : silence)
                    .header("User-Agent", "tunebook/0.1")
                    .header("Accept-Encoding", "identity");
            if (from > 0) {
                request.header("Range", "bytes=" + from + "-");
            }
            if (sameHost(at, endpoint)) {
                token.ifPresent(t -> {
                    if (source instanceof HubSource.ModelScope) {
                        request.header("Cookie", "m_session_id=" + t);
                    } else {
                        request.header("Authorization", "Bearer " + t);
                    }
                });
            }
            HttpResponse<InputStream> response = send(request.build());
            int status = response.statusCode();
            Optional<String> location = response.headers().firstValue("location");
            if (status < 301 || status > 308 || status == 304 || location.isEmpty()) {
                return response;
            }
            response.body().close();
            at = target(at, location.get(), status);
        }
        throw new HubException(uri + " redirects more than " + REDIRECTS + " times", 0, null);
    }

    private static HttpResponse<InputStream> send(HttpRequest request) throws IOException {
        try {
            return HTTP.send(request, HttpResponse.BodyHandlers.ofInputStream());
        } catch (HttpTimeoutException e) {
            throw new HubException(request.uri() + " did not answer in time", 0, e);
        } catch (ConnectException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            boolean unknown = cause instanceof UnresolvedAddressException
                    || cause instanceof UnknownHostException
                    || cause.getCause() instanceof UnresolvedAddressException;
            throw new HubException(
                    request.uri() + (unknown ? ": the host name is not known here" : ": no connection"), 0, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HubException(request.uri() + ": interrupted", 0, e);
        } catch (IOException e) {
            throw new HubException(request.uri() + ": " + (e.getMessage() == null ? e : e.getMessage()), 0, e);
        }
    }

    /**
     * The proxies that {@code HTTPS_PROXY}, {@code HTTP_PROXY} and {@code NO_PROXY} name, as curl and Python read them;
     * else Java's own.
     */
    static ProxySelector proxies(Map<String, String> variables) {
        Map<String, String> set = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        set.putAll(variables);
        List<String> direct = List.of(set.getOrDefault("NO_PROXY", "").split("\\s*,\\s*"));
        return new ProxySelector() {
            @Override
            public List<Proxy> select(URI uri) {
                String proxy = set.getOrDefault(uri.getScheme() + "_PROXY", "");
                if (proxy.isBlank()) {
                    return ProxySelector.getDefault().select(uri);
                }
                boolean near = direct.stream()
                        .filter(d -> !d.isEmpty())
                        .anyMatch(d -> d.equals("*")
                                || uri.getHost().equals(d.replaceFirst("^\\.", ""))
                                || uri.getHost().endsWith(d.startsWith(".") ? d : "." + d));
                if (near) {
                    return List.of(Proxy.NO_PROXY);
                }
                URI at = URI.create(proxy.contains("://") ? proxy : "http://" + proxy);
                int port = at.getPort() < 0 ? 80 : at.getPort();
                return List.of(new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(at.getHost(), port)));
            }

            @Override
            public void connectFailed(URI uri, SocketAddress address, IOException e) {
                // The request itself fails and says so.
            }
        };
    }

    private static boolean sameHost(URI a, URI b) {
        return a.getScheme().equals(b.getScheme()) && a.getAuthority().equalsIgnoreCase(b.getAuthority());
    }

    private static URI target(URI from, String location, int status) throws HubException {
        try {
            URI to = from.resolve(location);
            if (to.getAuthority() != null
                    && ("https".equals(to.getScheme()) || from.getScheme().equals(to.getScheme()))) {
                return to;
            }
        } catch (IllegalArgumentException e) {
            throw new HubException(from + " redirects to \"" + location + "\", which is no address", status, e);
        }
        throw new HubException(
                from + " redirects to " + location + ", which is not encrypted, or not HTTP: refused", status, null);
    }

    private String explain(int status) {
        String variable = source instanceof HubSource.ModelScope ? "MODELSCOPE_API_TOKEN" : "HF_TOKEN";
        return switch (status) {
            case 401 -> " (it does not exist, or it is private: set " + variable + ")";
            case 403 -> " (no access: accept the terms on its page, and set " + variable + ")";
            case 404 -> " (no such repository, revision or file)";
            case 429 -> " (too many requests)";
            default -> "";
        };
    }

    private static Optional<Duration> retryAfter(HttpResponse<?> response) {
        return response.headers()
                .firstValue("retry-after")
                .flatMap(value -> {
                    try {
                        return value.strip().matches("\\d{1,9}")
                                ? Optional.of(Duration.ofSeconds(Long.parseLong(value.strip())))
                                : Optional.of(Duration.between(
                                        Instant.now(),
                                        ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME)));
                    } catch (DateTimeParseException e) {
                        return Optional.empty();
                    }
                })
                .map(wait -> wait.isNegative() ? Duration.ZERO : wait);
    }

    /** The beginning of what an error page says, on one line. */
    private static String excerpt(HttpResponse<InputStream> response) throws IOException {
        try (InputStream body = response.body()) {
            String text = new String(body.readNBytes(2000), java.nio.charset.StandardCharsets.UTF_8)
                    .replaceAll("<[^>]*>", " ")
                    .replaceAll("\\s+", " ")
                    .strip();
            return text.length() <= 160 ? text : text.substring(0, 160) + "…";
        } catch (IOException e) {
            return "";
        }
    }

    static void pause(Duration wait) throws IOException {
        try {
            Thread.sleep(wait.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HubException("interrupted while waiting", 0, e);
        }
    }

    /** The body, closed under its reader when nothing has come for too long. */
    InputStream watched(InputStream body) {
        return new FilterInputStream(body) {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] b, int off, int len) throws IOException {
                ScheduledFuture<?> alarm = WATCH.schedule(
                        () -> {
                            body.close();
                            return null;
                        },
                        silence.toMillis(),
                        TimeUnit.MILLISECONDS);
                try {
                    return super.read(b, off, len);
                } finally {
                    alarm.cancel(false);
                }
            }
        };
    }
}
