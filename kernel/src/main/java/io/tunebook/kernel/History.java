package io.tunebook.kernel;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The inputs of this session and of those before, one JSON line each in a file that sessions share. */
final class History {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final System.Logger LOG = System.getLogger(History.class.getName());

    /**
     * One input.
     *
     * @param session counts the sessions of the file
     * @param line the execution count
     */
    record Entry(int session, int line, String source) {}

    private final Path file;
    private final List<Entry> entries = new ArrayList<>();
    private final int session;

    History(Path file) {
        this.file = file;
        try {
            if (Files.exists(file)) {
                for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
                    JsonNode n = JSON.readTree(line);
                    entries.add(new Entry(
                            n.path("session").asInt(),
                            n.path("line").asInt(),
                            n.path("source").asText()));
                }
            }
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "the history in " + file + " is not read: " + e.getMessage());
        }
        session = entries.stream().mapToInt(Entry::session).max().orElse(0) + 1;
    }

    int session() {
        return session;
    }

    synchronized void add(int line, String source) {
        Entry e = new Entry(session, line, source);
        entries.add(e);
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(
                    file,
                    JSON.writeValueAsString(e) + "\n",
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (JsonProcessingException e2) {
            throw new IllegalStateException(e2);
        } catch (IOException e2) {
            LOG.log(System.Logger.Level.DEBUG, "the history is not kept: " + e2.getMessage());
        }
    }

    synchronized List<Entry> tail(int n) {
        return List.copyOf(entries.subList(Math.max(0, entries.size() - n), entries.size()));
    }

    /** @param of a session's number; 0 is this one, negative ones count back from it */
    synchronized List<Entry> range(int of, int start, int stop) {
        int wanted = of <= 0 ? session + of : of;
        return entries.stream()
                .filter(e -> e.session() == wanted && e.line() >= start && (stop <= 0 || e.line() < stop))
                .toList();
    }

    /** @param glob with * and ? as in file names */
    synchronized List<Entry> search(String glob, int n, boolean unique) {
        Pattern p = Pattern.compile(
                ("\\Q" + glob + "\\E").replace("*", "\\E.*\\Q").replace("?", "\\E.\\Q"), Pattern.DOTALL);
        List<Entry> found = new ArrayList<>(
                entries.stream().filter(e -> p.matcher(e.source()).matches()).toList());
        if (unique) {
            List<String> seen = new ArrayList<>();
            found.removeIf(e -> seen.contains(e.source()) || !seen.add(e.source()));
        }
        return n <= 0 ? found : List.copyOf(found.subList(Math.max(0, found.size() - n), found.size()));
    }
}
