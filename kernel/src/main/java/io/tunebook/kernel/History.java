package io.tunebook.kernel;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The cells of this session and of former ones, kept in a file of JSON lines. A file that cannot be read or written costs the history, nothing else. */
final class History {
    private static final System.Logger LOG = System.getLogger(History.class.getName());
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int KEPT = 10_000;

    private final Path file;
    private List<Entry> entries;
    private int session;

    /** One cell that ran. @param output the plain text of its result, or the empty string */
    private record Entry(int session, int line, String source, String output) {
        String json() {
            return Message.object()
                    .put("session", session)
                    .put("line", line)
                    .put("source", source)
                    .put("output", output)
                    .toString();
        }
    }

    /** @param file where it is kept; need not be there */
    History(Path file) {
        this.file = file;
    }

    synchronized void add(int line, String source, String output) {
        load();
        Entry entry = new Entry(session, line, source, output);
        entries.add(entry);
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.writeString(
                    file,
                    entry.json() + "\n",
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "the history is not kept", e);
        }
    }

    /**
     * What a {@code history_request} asks for.
     *
     * @return rows of session, line and source, the source with the output as a pair if it asks for that
     */
    synchronized ArrayNode answer(JsonNode request) {
        load();
        Stream<Entry> found =
                switch (request.path("hist_access_type").asText("tail")) {
                    case "range" -> range(request);
                    case "search" -> last(search(request), request);
                    default -> last(entries, request);
                };
        ArrayNode rows = JSON.createArrayNode();
        boolean output = request.path("output").asBoolean();
        found.forEach(e -> {
            ArrayNode row = rows.addArray().add(e.session()).add(e.line());
            if (output) {
                row.addArray().add(e.source()).add(e.output().isEmpty() ? null : e.output());
            } else {
                row.add(e.source());
            }
        });
        return rows;
    }

    private Stream<Entry> range(JsonNode request) {
        int asked = request.path("session").asInt();
        int wanted = asked > 0 ? asked : session + asked;
        int start = request.path("start").asInt();
        int stop = request.path("stop").asInt(Integer.MAX_VALUE);
        return entries.stream().filter(e -> e.session() == wanted && e.line() >= start && e.line() < stop);
    }

    private List<Entry> search(JsonNode request) {
        Pattern glob = glob(request.path("pattern").asText("*"));
        List<Entry> found =
                entries.stream().filter(e -> glob.matcher(e.source()).matches()).toList();
        if (!request.path("unique").asBoolean()) {
            return found;
        }
        Map<String, Entry> latest = new LinkedHashMap<>();
        for (Entry e : found) {
            latest.remove(e.source());
            latest.put(e.source(), e);
        }
        return List.copyOf(latest.values());
    }

    private static Stream<Entry> last(List<Entry> all, JsonNode request) {
        int n = request.path("n").asInt(Integer.MAX_VALUE);
        return all.stream().skip(Math.max(0, all.size() - Math.max(n, 0)));
    }

    private static Pattern glob(String pattern) {
        StringBuilder regex = new StringBuilder();
        for (char c : pattern.toCharArray()) {
            regex.append(c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(String.valueOf(c)));
        }
        return Pattern.compile(regex.toString(), Pattern.DOTALL);
    }

    private void load() {
        if (entries != null) {
            return;
        }
        entries = new ArrayList<>();
        session = 1;
        try {
            if (!Files.exists(file)) {
                return;
            }
            List<String> lines = new ArrayList<>();
            try (Stream<String> all = Files.lines(file, StandardCharsets.UTF_8)) {
                all.forEach(lines::add);
            }
            if (lines.size() > 2 * KEPT) {
                lines = lines.subList(lines.size() - KEPT, lines.size());
                Path beside = Files.createTempFile(file.toAbsolutePath().getParent(), "history", ".part");
                Files.write(beside, lines, StandardCharsets.UTF_8);
                Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING);
            }
            lines.forEach(this::parse);
        } catch (IOException | java.io.UncheckedIOException e) {
            LOG.log(System.Logger.Level.WARNING, "the history cannot be read: " + e);
        }
        if (!entries.isEmpty()) {
            session = entries.get(entries.size() - 1).session() + 1;
        }
    }

    private void parse(String line) {
        try {
            JsonNode json = JSON.readTree(line);
            entries.add(new Entry(
                    json.required("session").asInt(),
                    json.required("line").asInt(),
                    json.required("source").asText(),
                    json.path("output").asText()));
        } catch (JsonProcessingException | IllegalArgumentException e) {
            LOG.log(System.Logger.Level.DEBUG, "a line of the history was left out", e); // another kernel died in it
        }
    }
}
