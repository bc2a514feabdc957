package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.session.Session;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Collects what cells show into their outputs, as nbclient does: text of one stream joined, updates folded into the
 * display they name, in whichever cell it stands, a clearing that waits carried out by the next output.
 */
final class CellOutputs implements Session.Frontend {
    private final Map<String, List<ObjectNode>> displays = new HashMap<>();
    private ArrayNode outputs;
    private StreamText stream;
    private ObjectNode streamNode;
    private boolean clearNext;
    private long changes;

    /** From now on outputs belong to this cell. */
    synchronized void begin(Notebook.Cell cell) {
        settle();
        stream = null;
        cell.reset();
        outputs = (ArrayNode) cell.node().path("outputs");
        clearNext = false;
        changes++;
    }

    /** Grows with every change, so that a writer knows whether there is something new. */
    synchronized long changes() {
        return changes;
    }

    @Override
    public synchronized void text(boolean error, String text) {
        String name = error ? "stderr" : "stdout";
        clearIfDue();
        changes++;
        JsonNode last = outputs.isEmpty() ? null : outputs.get(outputs.size() - 1);
        if (stream == null || last != streamNode || !last.path("name").asText().equals(name)) {
            settle();
            streamNode = outputs.addObject().put("output_type", "stream").put("name", name);
            stream = new StreamText(streamNode.putArray("text"));
        }
        stream.append(text);
    }

    /** Brings the outputs up to date, for those who read the cell's node. */
    synchronized void settle() {
        if (stream != null) {
            stream.settle();
        }
    }

    @Override
    public synchronized void show(MimeBundle bundle, String id, boolean update) {
        changes++;
        if (id != null) {
            for (ObjectNode shown : displays.getOrDefault(id, List.of())) {
                fill(shown, bundle);
            }
        }
        if (!update) {
            clearIfDue();
            ObjectNode output = outputs.addObject().put("output_type", "display_data");
            fill(output, bundle);
            if (id != null) {
                displays.computeIfAbsent(id, i -> new ArrayList<>()).add(output);
            }
        }
    }

    @Override
    public synchronized void clear(boolean wait) {
        clearNext = true;
        if (!wait) {
            clearIfDue();
        }
    }

    private void clearIfDue() {
        if (clearNext) {
            clearNext = false;
            changes++;
            outputs.forEach(gone -> displays.values().forEach(shown -> shown.removeIf(o -> o == gone)));
            outputs.removeAll();
            stream = null;
        }
    }

    synchronized void result(MimeBundle bundle, int count) {
        clearIfDue();
        changes++;
        ObjectNode output =
                outputs.addObject().put("output_type", "execute_result").put("execution_count", count);
        fill(output, bundle);
    }

    synchronized void error(CellException e) {
        clearIfDue();
        changes++;
        ObjectNode output = outputs.addObject()
                .put("output_type", "error")
                .put("ename", e.name())
                .put("evalue", String.valueOf(e.getMessage()));
        ArrayNode trace = output.putArray("traceback");
        e.traceback().forEach(trace::add);
    }

    /** What a headless run answers: nobody is there. */
    @Override
    public String ask(String prompt, boolean password) {
        return null;
    }

    @Override
    public boolean rich() {
        return true;
    }

    private static void fill(ObjectNode output, MimeBundle bundle) {
        ObjectNode data = output.putObject("data");
        bundle.data().forEach((type, content) -> data.set(type, content(type, content)));
        output.set("metadata", Notebook.JSON.valueToTree(bundle.metadata()));
    }

    private static JsonNode content(String type, Object content) {
        boolean json = type.equals(MimeBundle.JSON) || type.endsWith("+json");
        if (!(content instanceof String text)) {
            return Notebook.JSON.valueToTree(content);
        } else if (json) {
            try {
                return Notebook.JSON.readTree(text);
            } catch (JsonProcessingException e) {
                return Notebook.JSON.getNodeFactory().textNode(text);
            }
        }
        boolean lines =
                type.startsWith("text/") || type.equals(MimeBundle.SVG) || type.equals("application/javascript");
        return lines ? Notebook.lines(text) : Notebook.JSON.getNodeFactory().textNode(text);
    }

    /**
     * The text of a stream while it grows, as a terminal would show it: what follows a carriage return covers the line.
     * Each character is looked at once, however long its line is.
     */
    static final class StreamText {
        private final ArrayNode lines;
        private final StringBuilder line = new StringBuilder();
        private boolean returned;
        private boolean settled;

        /** @param lines where the lines go, of a stream that has shown nothing yet */
        StreamText(ArrayNode lines) {
            this.lines = lines;
        }

        void append(String text) {
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '\r') {
                    returned = true;
                } else {
                    if (returned && c != '\n') {
                        line.setLength(0);
                    }
                    returned = false;
                    line.append(c);
                    if (c == '\n') {
                        put();
                        settled = false;
                        line.setLength(0);
                    }
                }
            }
        }

        /** Brings the line that is still open among the others. */
        void settle() {
            if (!line.isEmpty() || returned) {
                put();
                settled = true;
            } else if (settled) {
                lines.remove(lines.size() - 1);
                settled = false;
            }
        }

        private void put() {
            String text = returned ? line + "\r" : line.toString();
            if (settled) {
                lines.set(lines.size() - 1, lines.textNode(text));
            } else {
                lines.add(text);
            }
        }
    }
}
