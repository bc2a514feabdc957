package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.files.PlainJson;
import io.tunebook.kernel.protocol.Message;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The cells of this session and of former ones, kept in a file of JSON lines. A file that cannot be read or written
 * costs the history, nothing else.
 */
final class History {
    private static final System.Logger LOG = System.getLogger(History.class.getName());
    private static final ObjectMapper JSON = PlainJson.mapper();
    private static final int KEPT = 10_000;
    private static final int OUTPUT = 10_000;
    private static final Set<PosixFilePermission> MINE = PosixFilePermissions.fromString("rw-------");

    private final Path file;
    private List<Entry> entries;
    private int session;
    /** The file does not end in a whole line. */
    private boolean brokenOff;

    /**
     * One cell that ran.
     *
     * @param output the plain text of its result, or the empty string
     */
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
        String kept = output.length() <= OUTPUT ? output : output.substring(0, OUTPUT) + "…";
        Entry entry = new Entry(session, line, source, kept);
        entries.add(entry);
        try {
            createPrivately();
            Files.writeString(
                    file,
                    (brokenOff ? "\n" : "") + entry.json() + "\n",
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
            brokenOff = false;
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "the history is not kept", e);
        }
    }

    /** What people type and see is nobody else's business. */
    private void createPrivately() throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (!FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            Files.createDirectories(folder);
            return;
        }
        if (!Files.exists(folder)) {
            Files.createDirectories(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        try {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(MINE));
        } catch (FileAlreadyExistsException e) {
            if (!Files.getPosixFilePermissions(file).equals(MINE)) {
                Files.setPosixFilePermissions(file, MINE); // an earlier version left it readable for all
            }
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
            byte[] all = Files.readAllBytes(file);
            brokenOff = all.length > 0 && all[all.length - 1] != '\n';
            List<byte[]> lines = lines(all);
            if (lines.size() > 2 * KEPT) {
                lines = lines.subList(lines.size() - KEPT, lines.size());
                rewrite(lines);
            }
            lines.forEach(this::parse);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "the history cannot be read: " + e);
        }
        if (!entries.isEmpty()) {
            session = entries.get(entries.size() - 1).session() + 1;
        }
    }

    private static List<byte[]> lines(byte[] all) {
        List<byte[]> lines = new ArrayList<>();
        for (int from = 0, i = 0; i <= all.length; i++) {
            if (i == all.length || all[i] == '\n') {
                if (i > from) {
                    lines.add(Arrays.copyOfRange(all, from, i));
                }
                from = i + 1;
            }
        }
        return lines;
    }

    private void rewrite(List<byte[]> lines) throws IOException {
        Path beside = Files.createTempFile(file.toAbsolutePath().getParent(), "history", ".part"); // this user's alone
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(beside))) {
            for (byte[] line : lines) {
                out.write(line);
                out.write('\n');
            }
        }
        AtomicWrite.move(beside, file.toAbsolutePath());
        brokenOff = false;
    }

    /**
     * Takes a line in, or leaves it out: a kernel that was killed in the midst of it left half a line, or half a
     * character.
     */
    private void parse(byte[] line) {
        try {
            JsonNode json = JSON.readTree(line);
            entries.add(new Entry(
                    json.required("session").asInt(),
                    json.required("line").asInt(),
                    json.required("source").asText(),
                    json.path("output").asText()));
        } catch (IOException | IllegalArgumentException e) {
            LOG.log(System.Logger.Level.DEBUG, "a line of the history was left out", e);
        }
    }
}
