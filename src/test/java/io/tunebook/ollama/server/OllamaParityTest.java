package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/**
 * What Ollama's command-line client sends, and a list of right and wrong requests, sent to the embedded server:
 * statuses and answers are compared field by field with those that a real server 0.34.1 gave ({@code
 * bench/reference/ollama_requests.py} made the file).
 */
class OllamaParityTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** Differs from run to run, or with llama.cpp's version: only the kind is compared. */
    private static final Set<String> CHANGING = Set.of(
            "created_at",
            "modified_at",
            "expires_at",
            "total_duration",
            "load_duration",
            "prompt_eval_duration",
            "prompt_eval_cached_count",
            "eval_duration",
            "eval_count",
            "digest",
            "size",
            "content",
            "response",
            "text",
            "thinking",
            "token",
            "id",
            "created",
            "version",
            "context",
            "done_reason",
            "finish_reason",
            "completion_tokens",
            "total_tokens",
            "cached_tokens");

    /** Of tokens and bytes: only that they are lists. */
    private static final Set<String> LISTS = Set.of("context", "bytes");

    /** Where the embedded server does otherwise on purpose, and why. */
    private static final List<Pattern> OTHERWISE = List.of(
            // the first list: this server is started with a model
            Pattern.compile("ollama list GET /api/tags$"),
            // how many models stay in memory depends on the memory
            Pattern.compile("GET /api/ps$"),
            // there is no registry here: what is there is up to date, what is not cannot be fetched
            Pattern.compile(
                    "pull smollm2 POST|run absent:latest Hi POST /api/pull|create absent-file|\"from\": \"absent\""),
            // a refusal names no methods
            Pattern.compile("OPTIONS .*evil"),
            // a real server makes vectors with models made for it alone, this one with all
            Pattern.compile(
                    "POST /api/embed(dings)? .*\"(input|prompt)\": (\"a|\\[\"a)|POST /v1/embeddings .*\"input\": (\"\"|\"a|\\[\"a)"),
            // an older llama.cpp does not give them: refused aloud; OpenAI's temperature of one gives other tokens each
            // time
            Pattern.compile(
                    System.getenv(RunnerProcess.LLAMA_CPP) == null
                            ? "\"logprobs\": true"
                            : "POST /v1/chat/completions .*\"logprobs\": true"),
            // the words of another parser of JSON
            Pattern.compile("POST /api/show nonsense|POST /api/chat .*\"duck\",\\}"),
            // the words tell the line
            Pattern.compile("\\{\\{ if\""),
            // no path of this machine is in an error
            Pattern.compile("\"files\": \\{\"a.gguf\": \"sha256:(1|0+)\"\\}"));

    private final List<String> differences = new ArrayList<>();

    @Test
    void answersEveryRequestAsOllamaDoes() throws Exception {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        Path model = Path.of(path);
        JsonNode golden;
        try (InputStream in =
                new GZIPInputStream(OllamaParityTest.class.getResourceAsStream("ollama_requests.json.gz"))) {
            golden = JSON.readTree(in);
        }
        List<String> versions = new ArrayList<>();
        golden.get("clients").fieldNames().forEachRemaining(versions::add);
        assertThat(versions).contains("0.34.1");
        int count = 0;
        for (String version : versions) {
            try (EmbeddedOllama server = EmbeddedOllama.start(model, "smollm2")) {
                for (JsonNode command : golden.at("/clients/" + version)) {
                    String name = "ollama " + String.join(" ", JSON.convertValue(command.get("run"), String[].class));
                    for (JsonNode exchange : command.get("exchanges")) {
                        compare(server.url(), version + " " + name, exchange, model);
                        count++;
                    }
                }
                if (version.equals(versions.get(versions.size() - 1))) {
                    for (JsonNode exchange : golden.get("requests")) {
                        compare(server.url(), "", exchange, model);
                        count++;
                    }
                }
            }
        }
        assertThat(count).isGreaterThan(300);
        assertThat(differences).isEmpty();
    }

    private void compare(String url, String command, JsonNode sent, Path model) throws Exception {
        String method = sent.get("method").asText();
        String body = sent.path("body").asText("");
        String origin = sent.at("/headers/Origin").asText("");
        String what = (command + " " + method + " " + sent.get("path").asText() + " " + body + " " + origin).strip();
        HttpRequest.Builder request = HttpRequest.newBuilder(
                        URI.create(url + sent.get("path").asText()))
                .method(
                        method,
                        body.equals("MODEL")
                                ? BodyPublishers.ofFile(model)
                                : body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        sent.path("headers").properties().forEach(h -> {
            if (!h.getKey().equals("Host")) {
                request.header(h.getKey(), h.getValue().asText());
            }
        });
        if (sent.path("headers").has("Host") || sent.path("path").asText().startsWith("//")) {
            return; // Java's client sends no other Host, and reads the second as one; both are tested by bare sockets
        }
        HttpResponse<String> answer = HTTP.send(request.build(), BodyHandlers.ofString());
        List<String> found = new ArrayList<>();
        if (answer.statusCode() != sent.get("status").asInt()) {
            found.add("status " + sent.get("status") + " wanted, " + answer.statusCode() + " given");
        }
        String type = answer.headers().firstValue("Content-Type").orElse("");
        String wanted = sent.path("answer_type").asText();
        if (!wanted.isEmpty() && !type.split(";")[0].equals(wanted.split(";")[0])) {
            found.add("type " + wanted + " wanted, " + type + " given");
        }
        sent.path("answer_headers").properties().forEach(h -> {
            String given = answer.headers().firstValue(h.getKey()).orElse("");
            if (!given.equals(h.getValue().asText())
                    && !(h.getKey().equals("content-length") && !method.equals("HEAD"))) {
                found.add(h.getKey() + " " + h.getValue() + " wanted, " + given + " given");
            }
        });
        JsonNode got = byName(parsed(answer.body(), type));
        JsonNode want = byName(sent.get("answer"));
        if (sent.get("path").asText().equals("/api/tags") && want.path("models").size() > 0) {
            // to the byte, unlike what a model takes in memory
            if (!sizes(want).equals(sizes(got))) {
                found.add("sizes " + sizes(want) + " wanted, " + sizes(got) + " given");
            }
        }
        if (wanted.contains("json") || wanted.contains("event-stream")) {
            differ("", want, got, found);
        } else if (!method.equals("HEAD") && !wanted.contains("html") && !want.equals(got)) {
            found.add(want + " wanted, " + got + " given");
        }
        if (!found.isEmpty()
                && OTHERWISE.stream().noneMatch(p -> p.matcher(what).find())) {
            differences.add(what + "\n      " + String.join("\n      ", found) + "\n      " + cut(got.toString()));
        }
    }

    private static List<Long> sizes(JsonNode list) {
        return list.get("models")
                .valueStream()
                .map(m -> m.path("size").asLong())
                .toList();
    }

    /** Lists of models are in the order of their times, to the second there and finer here. */
    private static JsonNode byName(JsonNode answer) {
        for (String list : List.of("models", "data")) {
            if (answer.path(list).path(0).has("name")
                    || answer.path(list).path(0).has("owned_by")) {
                List<JsonNode> all = new ArrayList<>();
                answer.get(list).forEach(all::add);
                all.sort(Comparator.comparing(
                        m -> m.path("name").asText(m.path("id").asText())));
                ((ArrayNode) answer.get(list)).removeAll().addAll(all);
            }
        }
        return answer;
    }

    private static String cut(String text) {
        return text.length() > 300 ? text.substring(0, 300) + "…" : text;
    }

    private static JsonNode parsed(String body, String type) throws IOException {
        if (type.contains("event-stream") || type.contains("ndjson")) {
            ArrayNode lines = JSON.createArrayNode();
            for (String line : body.split("\n")) {
                String text = line.startsWith("data: ") ? line.substring(6) : line;
                if (!text.isBlank()) {
                    lines.add(
                            text.startsWith("{")
                                    ? JSON.readTree(text)
                                    : JSON.getNodeFactory().textNode(text));
                }
            }
            return lines;
        }
        return type.contains("json") && !body.isEmpty()
                ? JSON.readTree(body)
                : JSON.getNodeFactory().textNode(body);
    }

    /** A stream's lines are compared by their kinds, each once, since another llama.cpp may say something else. */
    private static void differ(String at, JsonNode want, JsonNode got, List<String> found) {
        String name = at.replaceFirst(".*/", "");
        if (name.equals("logprobs") && want.isArray() && !got.isEmpty()) {
            differ(at + "/0", want.get(0), got.get(0), found); // another llama.cpp may go on otherwise
        } else if (want.isArray() && got.isArray() && at.isEmpty()) {
            Set<String> wanted = new TreeSet<>();
            want.forEach(line -> wanted.add(kind(line)));
            Set<String> given = new TreeSet<>();
            got.forEach(line -> given.add(kind(line)));
            if (!wanted.equals(given)) {
                found.add("lines " + wanted + " wanted, " + given + " given");
            }
        } else if (want.isObject() && got.isObject()) {
            Set<String> names = new TreeSet<>();
            want.fieldNames().forEachRemaining(names::add);
            got.fieldNames().forEachRemaining(names::add);
            for (String field : names) {
                if (!want.has(field) || !got.has(field)) {
                    found.add(at + "/" + field + (want.has(field) ? " is missing" : " is too much"));
                } else {
                    differ(at + "/" + field, want.get(field), got.get(field), found);
                }
            }
        } else if (want.isArray() && got.isArray() && !LISTS.contains(name)) {
            boolean many = want.path(0).has("items");
            int size = many ? want.at("/0/items").asInt() : want.size();
            if (size != got.size()) {
                found.add(at + ": " + size + " wanted, " + got.size() + " given");
            } else {
                for (int i = 0; i < (many ? 1 : size); i++) {
                    differ(at + "/" + i, want.get(many ? 1 : i), got.get(i), found);
                }
            }
        } else if (LISTS.contains(name)) {
            if (!want.isArray() || !got.isArray()) {
                found.add(at + " is no list");
            }
        } else if (name.equals("modelfile") || name.equals("parameters") && want.isTextual()) {
            // Where the file lies is the machine's own matter; Go gives parameters in any order.
            if (!sorted(want.asText()).equals(sorted(got.asText()))) {
                found.add(at + " " + want + " wanted, " + got + " given");
            }
        } else if (name.equals("logprob")) {
            // Each processor's code rounds otherwise, which changes the order of tokens that are nearly as likely.
            if (!(Math.abs(want.asDouble() - got.asDouble()) < 0.5)) {
                found.add(at + " " + want + " wanted, " + got + " given");
            }
        } else if (CHANGING.contains(name)) {
            if (want.getNodeType() != got.getNodeType()) {
                found.add(at + " " + want + " wanted, " + got + " given");
            }
        } else if (!(want.isNumber() && got.isNumber() ? want.asDouble() == got.asDouble() : want.equals(got))) {
            found.add(at + " " + cut(want.toString()) + " wanted, " + cut(got.toString()) + " given");
        }
    }

    private static List<String> sorted(String lines) {
        return lines.lines().filter(line -> !line.startsWith("FROM ")).sorted().toList();
    }

    /** The names of a line's fields, with the words of a status. */
    private static String kind(JsonNode line) {
        if (!line.isObject()) {
            return line.asText();
        }
        StringBuilder out = new StringBuilder();
        new TreeSet<>(JSON.convertValue(line, java.util.Map.class).keySet()).forEach(name -> {
            JsonNode value = line.get((String) name);
            out.append(name);
            if (value instanceof ObjectNode inner && !name.equals("usage")) {
                out.append('(').append(kind(inner)).append(')');
            }
            if (value.isTextual() && (name.equals("status") || name.equals("error"))) {
                out.append('=').append(value.asText());
            }
            out.append(' ');
        });
        return out.toString().strip();
    }
}
