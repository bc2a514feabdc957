package io.tunebook.kernel.server;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.files.PlainJson;
import io.tunebook.kernel.launch.Version;
import io.tunebook.kernel.protocol.Message;
import java.util.ArrayList;
import java.util.List;

/** The contents of replies. */
final class Replies {
    static final ObjectMapper JSON = PlainJson.mapper();

    /** Longer messages of exceptions are cut: as JSON they are in memory several times. */
    private static final int LONGEST = 100_000;

    private static final int FRAMES = 20;

    private Replies() {}

    static ObjectNode ok() {
        return Message.object().put("status", "ok");
    }

    static ObjectNode error(CellException e) {
        return error(e.name(), String.valueOf(e.getMessage()), e.traceback());
    }

    static ObjectNode error(String name, String value, List<String> traceback) {
        ObjectNode content =
                Message.object().put("status", "error").put("ename", name).put("evalue", cut(value));
        ArrayNode lines = content.putArray("traceback");
        traceback.forEach(l -> lines.add(cut(l)));
        return content;
    }

    /** For what the kernel, the compiler or a library under it throws: the trace is the only account of it. */
    static ObjectNode internalError(Throwable t) {
        List<String> trace =
                new ArrayList<>(List.of(t.getClass().getName() + ": " + cut(String.valueOf(t.getMessage()))));
        StackTraceElement[] frames = t.getStackTrace();
        for (int i = 0; i < Math.min(FRAMES, frames.length); i++) {
            trace.add("    at " + frames[i]);
        }
        return error(t.getClass().getName(), String.valueOf(t.getMessage()), trace);
    }

    private static String cut(String text) {
        return text.length() <= LONGEST
                ? text
                : text.substring(0, LONGEST) + "\n[cut here: " + text.length() + " characters in all]";
    }

    /** The {@code data} and {@code metadata} of a display. */
    static ObjectNode bundle(MimeBundle bundle) {
        ObjectNode content = Message.object();
        ObjectNode data = content.putObject("data");
        bundle.data().forEach((type, value) -> data.set(type, node(type, value)));
        ObjectNode metadata = content.putObject("metadata");
        bundle.metadata().forEach((type, value) -> metadata.set(type, JSON.valueToTree(value)));
        return content;
    }

    /** A text under a JSON type is JSON itself. */
    private static JsonNode node(String type, Object value) {
        if (value instanceof String text) {
            if (!type.equals(MimeBundle.JSON) && !type.endsWith("+json")) {
                return JSON.getNodeFactory().textNode(text);
            }
            try {
                return JSON.readTree(text);
            } catch (JsonProcessingException e) {
                return JSON.getNodeFactory().textNode(text); // then it is a string
            }
        }
        return JSON.valueToTree(value);
    }

    /** What a kernel says of itself. */
    static final class KernelInfo {
        private static final String NAME = "tunebook";

        private KernelInfo() {}

        static ObjectNode reply() {
            ObjectNode info = Replies.ok()
                    .put("protocol_version", io.tunebook.kernel.protocol.Message.VERSION)
                    .put("implementation", NAME)
                    .put("implementation_version", Version.current())
                    .put("banner", "Java " + Runtime.version() + ", tunebook " + Version.current())
                    .put("debugger", true);
            info.putObject("language_info")
                    .put("name", "java")
                    .put("version", Runtime.version().toString())
                    .put("mimetype", "text/x-java-source")
                    .put("file_extension", ".java")
                    .put("pygments_lexer", "java")
                    .put("codemirror_mode", "text/x-java")
                    .put("nbconvert_exporter", "script");
            int feature = Runtime.version().feature();
            info.putArray("help_links")
                    .addObject()
                    .put("text", "Java " + feature + " API")
                    .put("url", "https://docs.oracle.com/en/java/javase/" + feature + "/docs/api/");
            info.putArray("supported_features").add("debugger").add("kernel subshells");
            return info;
        }
    }
}
