package io.tunebook.ollama.server;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import io.tunebook.ollama.server.Answer.OllamaAnswer;
import io.tunebook.ollama.server.Models.LoadedModels;
import java.io.IOException;
import java.net.URI;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which path does what, and how failures are told. */
final class Routes {
    private static final ObjectMapper JSON = Json.wire();
    private static final String BLOBS = "/api/blobs/";
    private static final String MODELS = "/v1/models/";

    /** What a page may send ({@code server/routes.go}): what OpenAI's clients add is among it. */
    private static final String HEADERS = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,"
            + "X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,"
            + "X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,X-Stainless-Runtime-Version,"
            + "X-Stainless-Timeout";

    /** What a path does. */
    private interface Action {
        void run(HttpExchange exchange) throws IOException, InterruptedException;
    }

    private final Map<String, Action> actions = new LinkedHashMap<>();
    private final BlobFolder blobs;
    private final ModelList list;
    private final ClientWatch clients;

    Routes(String version, Models models, LoadedModels loaded, Prompts prompts, BlobFolder blobs, ClientWatch clients) {
        this.blobs = blobs;
        this.clients = clients;
        this.list = new ModelList(models, loaded);
        Completions completions = new Completions(models::get, loaded, prompts);
        Embeddings embeddings = new Embeddings(models::get, loaded);
        ModelMaker maker = new ModelMaker(models, loaded, blobs, prompts);
        OpenAiRequests openAi = new OpenAiRequests(completions, embeddings, list);
        read("/", x -> LocalHttp.text(x, 200, "Ollama is running"));
        read("/api/version", x -> LocalHttp.send(x, 200, JSON.createObjectNode().put("version", version)));
        read("/api/tags", x -> LocalHttp.send(x, 200, list.tags()));
        actions.put("GET /api/ps", x -> LocalHttp.send(x, 200, list.ps()));
        actions.put(
                "POST /api/show",
                x -> LocalHttp.send(x, 200, list.show(RequestCheck.check(LocalHttp.body(x), "ShowRequest"))));
        compute("POST /api/chat", x -> complete(completions, x, true));
        compute("POST /api/generate", x -> complete(completions, x, false));
        compute(
                "POST /api/embed",
                x -> LocalHttp.send(x, 200, embeddings.embed(RequestCheck.check(LocalHttp.body(x), "EmbedRequest"))));
        compute(
                "POST /api/embeddings",
                x -> LocalHttp.send(
                        x, 200, embeddings.embedding(RequestCheck.check(LocalHttp.body(x), "EmbeddingRequest"))));
        actions.put("POST /api/create", x -> maker.create(x, RequestCheck.check(LocalHttp.body(x), "CreateRequest")));
        actions.put("POST /api/pull", x -> maker.pull(x, RequestCheck.check(LocalHttp.body(x), "PullRequest")));
        actions.put("POST /api/copy", x -> maker.copy(x, LocalHttp.body(x)));
        actions.put("DELETE /api/delete", x -> maker.delete(x, RequestCheck.check(LocalHttp.body(x), "DeleteRequest")));
        actions.put("POST /api/push", x -> maker.push(LocalHttp.body(x)));
        actions.put("GET /v1/models", x -> LocalHttp.send(x, 200, openAi.models()));
        compute("POST /v1/chat/completions", x -> openAi.complete(x, LocalHttp.body(x), true));
        compute("POST /v1/completions", x -> openAi.complete(x, LocalHttp.body(x), false));
        compute("POST /v1/embeddings", x -> LocalHttp.send(x, 200, openAi.embeddings(LocalHttp.body(x))));
    }

    /** What may take long: it ends when the client goes. */
    private void compute(String request, Action action) {
        actions.put(request, x -> clients.whileThere(x.getRemoteAddress().getPort(), () -> action.run(x)));
    }

    private void read(String path, Action action) {
        actions.put("GET " + path, action);
        actions.put("HEAD " + path, action);
    }

    private static void complete(Completions completions, HttpExchange exchange, boolean chat)
            throws IOException, InterruptedException {
        JsonNode body = LocalHttp.body(exchange);
        RequestCheck.check(body, chat ? "ChatRequest" : "GenerateRequest");
        completions.answer(
                body,
                chat,
                new OllamaAnswer(
                        exchange,
                        body.path("model").asText(),
                        chat,
                        body.path("stream").asBoolean(true)));
    }

    /** Answers a request, whatever becomes of it. */
    void handle(HttpExchange exchange) {
        try (exchange) {
            try {
                LocalHttp.checkLocal(exchange);
                route(exchange);
            } catch (LocalHttp.Refusal refusal) {
                if (refusal.getMessage().isEmpty()) {
                    exchange.sendResponseHeaders(refusal.status, -1);
                } else {
                    boolean openAi = path(exchange).startsWith("/v1/");
                    boolean nothing = refusal.getMessage().equals("missing request body");
                    // What Go's reader says of an empty body goes through there as it is.
                    fail(exchange, refusal.status, openAi && nothing ? "EOF" : refusal.getMessage());
                }
            } catch (JsonEOFException cut) {
                fail(exchange, 400, "unexpected EOF");
            } catch (JacksonException broken) {
                fail(exchange, 400, "invalid JSON: " + broken.getOriginalMessage());
            } catch (IllegalArgumentException wrong) {
                fail(exchange, 400, String.valueOf(wrong.getMessage()));
            } catch (InterruptedException stopped) {
                fail(exchange, 503, "server is shutting down");
            } catch (IllegalStateException failure) {
                fail(exchange, 500, String.valueOf(failure.getMessage()));
            } catch (RuntimeException failure) {
                fail(exchange, 500, failure.toString());
            }
        } catch (IOException gone) {
            // The client went away: there is nobody to tell.
        }
    }

    private static void fail(HttpExchange exchange, int status, String words) throws IOException {
        boolean openAi = path(exchange).startsWith("/v1/");
        LocalHttp.send(exchange, status, openAi ? OpenAiRequests.error(status, words) : LocalHttp.error(words));
    }

    /** What a path may be asked with. */
    private List<String> methods(String path) {
        if (path.startsWith(MODELS) && path.length() > MODELS.length()) {
            return List.of("GET");
        }
        return actions.keySet().stream()
                .filter(a -> a.endsWith(" " + path))
                .map(a -> a.substring(0, a.indexOf(' ')))
                .sorted(Comparator.reverseOrder())
                .toList();
    }

    /** The path as it was sent: a URI that begins with two slashes has its first part taken for a host. */
    private static String path(HttpExchange exchange) {
        URI uri = exchange.getRequestURI();
        String path = uri.getPath() == null ? "" : uri.getPath();
        return uri.getScheme() == null && uri.getAuthority() != null ? "//" + uri.getAuthority() + path : path;
    }

    private void route(HttpExchange exchange) throws IOException, InterruptedException {
        String path = path(exchange);
        String method = exchange.getRequestMethod();
        Action action = actions.get(method + " " + path);
        String clean = path.replaceAll("/{2,}", "/");
        String bare = clean.length() > 1 && clean.endsWith("/") ? clean.substring(0, clean.length() - 1) : clean;
        if (method.equals("OPTIONS") && exchange.getRequestHeaders().containsKey("Origin")) {
            exchange.getResponseHeaders().set("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS");
            exchange.getResponseHeaders().set("Access-Control-Allow-Headers", HEADERS);
            exchange.getResponseHeaders().set("Access-Control-Max-Age", "43200");
            List<String> allowed = methods(path);
            if (!allowed.isEmpty()) {
                exchange.getResponseHeaders().set("Allow", String.join(", ", allowed));
            }
            exchange.sendResponseHeaders(204, -1);
        } else if (!clean.equals(path)) {
            LocalHttp.redirect(exchange, 307, clean);
        } else if (!bare.equals(path) && methods(bare).contains(method)) {
            // As Ollama's router does it: GET keeps its method after 301, others need 307.
            LocalHttp.redirect(exchange, method.equals("GET") ? 301 : 307, bare);
        } else if (path.startsWith(BLOBS)) {
            if (method.equals("HEAD") || method.equals("POST")) {
                blobs.serve(exchange, path.substring(BLOBS.length()));
            } else {
                notAllowed(exchange, List.of("HEAD", "POST"));
            }
        } else if (action != null) {
            action.run(exchange);
        } else if (method.equals("GET") && path.startsWith(MODELS) && path.length() > MODELS.length()) {
            LocalHttp.send(exchange, 200, list.openAi(path.substring(MODELS.length())));
        } else {
            notAllowed(exchange, methods(path));
        }
    }

    private static void notAllowed(HttpExchange exchange, List<String> others) throws IOException {
        if (!others.isEmpty()) {
            exchange.getResponseHeaders().set("Allow", String.join(", ", others));
        }
        LocalHttp.text(
                exchange,
                others.isEmpty() ? 404 : 405,
                others.isEmpty() ? "404 page not found" : "405 method not allowed");
    }
}
