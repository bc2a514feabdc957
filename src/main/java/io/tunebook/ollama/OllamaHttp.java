package io.tunebook.ollama;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Requests to a server and their answers: JSON, lines of JSON, or a failure with the server's words. */
final class OllamaHttp {
    private static final ObjectMapper JSON = Json.wire();
    private static final Duration CONNECT = Duration.ofSeconds(5);

    private final URI base;
    private final Duration first;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .build();

    /** To the server at an address; {@code first} is how long the first line of an answer may take. */
    OllamaHttp(URI base, Duration first) {
        this.base = base;
        this.first = first;
    }

    /** Sends an object and gives the lines of the answer, between which at most {@code silence} may pass. */
    JsonLines lines(String path, Object body, String model, Duration silence) throws IOException {
        JsonLines lines = new JsonLines(base + path, model, first, silence);
        HttpResponse<Optional<InputStream>> answer;
        try {
            answer = exchange(
                    request("POST", path, BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)), first),
                    info -> info.statusCode() == 200
                            ? lines
                            : BodySubscribers.mapping(BodySubscribers.ofInputStream(), Optional::of));
        } catch (OllamaException.BrokenStream broken) {
            if (!lines.begun()) {
                throw broken;
            }
            lines.onError(broken.getCause()); // it broke so soon that the client told of it here: what had come before
            // comes first
            return lines;
        }
        if (answer.body().isPresent()) {
            throw failure(answer.statusCode(), answer.body().get(), path, model);
        }
        return lines;
    }

    /** Sends an object, or nothing where it is null, and gives the whole answer; an empty one as an empty object. */
    JsonNode call(String method, String path, Object body, Duration timeout, String model) throws IOException {
        BodyPublisher publisher =
                body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body));
        return expectSuccess(send(request(method, path, publisher, timeout)), model);
    }

    private JsonNode expectSuccess(HttpResponse<InputStream> answer, String model) throws IOException {
        if (answer.statusCode() / 100 != 2) {
            throw failure(answer.statusCode(), answer.body(), answer.uri().getPath(), model);
        }
        byte[] body;
        try (InputStream in = answer.body()) {
            body = in.readAllBytes();
        }
        try {
            return body.length == 0 ? JSON.createObjectNode() : JSON.readTree(body);
        } catch (JacksonException broken) {
            throw new OllamaException.NotOllama(
                    answer.uri().toString(), answer.statusCode(), new String(body, StandardCharsets.UTF_8), broken);
        }
    }

    private OllamaException failure(int status, InputStream body, String path, String model) throws IOException {
        String text;
        try (body) {
            text = new String(body.readNBytes(1 << 16), StandardCharsets.UTF_8);
        }
        try {
            JsonNode error = JSON.readTree(text).path("error");
            if (!error.isMissingNode()) {
                return OllamaException.of(status, OllamaException.words(error), model);
            }
        } catch (JacksonException notJson) {
            return new OllamaException.NotOllama(base + path, status, text, notJson);
        }
        return new OllamaException.NotOllama(base + path, status, text, null);
    }

    private HttpRequest request(String method, String path, BodyPublisher body, Duration timeout) {
        return HttpRequest.newBuilder(URI.create(base + path))
                .method(method, body)
                .header("Content-Type", "application/json")
                .timeout(timeout)
                .build();
    }

    /** Asks whether something is there; the status. */
    int head(String path, Duration timeout) throws IOException {
        HttpResponse<InputStream> answer = send(request("HEAD", path, BodyPublishers.noBody(), timeout));
        answer.body().close();
        return answer.statusCode();
    }

    /** Sends a file; {@code sent} is told how many bytes have gone. */
    void upload(String path, Path file, LongConsumer sent) throws IOException {
        BodyPublisher body = BodyPublishers.fromPublisher(
                BodyPublishers.ofInputStream(() -> counted(file, sent)), Math.max(1, Files.size(file)));
        expectSuccess(send(request("POST", path, body, Duration.ofHours(6))), "");
    }

    private static InputStream counted(Path file, LongConsumer sent) {
        try {
            return new FilterInputStream(Files.newInputStream(file)) {
                private long count;

                @Override
                public int read(byte[] bytes, int offset, int length) throws IOException {
                    int n = super.read(bytes, offset, length);
                    if (n > 0) {
                        count += n;
                        sent.accept(count);
                    }
                    return n;
                }
            };
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private HttpResponse<InputStream> send(HttpRequest request) throws IOException {
        return exchange(request, BodyHandlers.ofInputStream());
    }

    private <T> HttpResponse<T> exchange(HttpRequest request, HttpResponse.BodyHandler<T> handler) throws IOException {
        try {
            return http.send(request, handler);
        } catch (ConnectException | HttpConnectTimeoutException e) {
            throw new OllamaException.NotRunning(base.toString(), e);
        } catch (HttpTimeoutException e) {
            throw new OllamaException.BrokenStream(
                    "no answer from " + request.uri() + " within "
                            + request.timeout().orElse(CONNECT).toSeconds() + " seconds",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for " + request.uri());
        } catch (OllamaException e) {
            throw e;
        } catch (IOException e) {
            throw new OllamaException.BrokenStream(
                    "the connection to " + request.uri() + " broke (" + e.getMessage() + ")", e);
        }
    }

    /** Reads {@code OLLAMA_HOST} as Ollama's own tools do ({@code envconfig/config.go}). */
    static final class OllamaHost {
        private static final Pattern ADDRESS = Pattern.compile(
                "(?:(https?)://)?(\\[[0-9a-fA-F:.]+]|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*|[^:/\\[\\]]*)(?::([^/:]*))?(/.*)?");

        private OllamaHost() {}

        /**
         * The address to send to, without a slash at its end.
         *
         * @throws IllegalArgumentException if it is no address
         */
        static URI parse(String address) {
            String text = address.strip().replaceAll("^[\"']+|[\"']+$", "").strip();
            if (text.equals("ollama.com")) {
                text = "https://ollama.com"; // the one name whose scheme need not be said
            }
            Matcher m = ADDRESS.matcher(text);
            if (!m.matches()) {
                throw new IllegalArgumentException(
                        "OLLAMA_HOST: expected host, host:port or http://host:port/path, found " + address);
            }
            String scheme = m.group(1) == null ? "http" : m.group(1);
            String host = m.group(2).replaceAll("[\\[\\]]", "");
            if (host.isEmpty() || host.equals("0.0.0.0") || host.equals("::")) {
                // Where a server listens on all addresses, a client takes this machine's own.
                host = host.equals("::") ? "::1" : "127.0.0.1";
            }
            int otherwise = m.group(1) == null ? 11434 : scheme.equals("https") ? 443 : 80;
            int port = otherwise;
            if (m.group(3) != null && m.group(3).matches("\\d{1,5}")) {
                port = Integer.parseInt(m.group(3));
                port = port > 65535 ? otherwise : port; // as for what is no number at all
            }
            String path = m.group(4) == null ? "" : m.group(4).replaceAll("/+$", "");
            return URI.create(scheme + "://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port + path);
        }
    }
}
