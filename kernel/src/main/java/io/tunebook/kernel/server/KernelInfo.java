package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.launch.Version;

/** What a kernel says of itself. */
final class KernelInfo {
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
