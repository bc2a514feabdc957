package io.tunebook.kernel.protocol;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.files.PlainJson;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;

/**
 * A message of any channel.
 *
 * @param identities the route by which the reply finds back; for iopub the topic
 * @param header who, when and what: {@code msg_id, session, username, date, msg_type, version}
 * @param parent the header of the message that caused this one, or an empty object
 * @param buffers binary data beside the JSON
 */
public record Message(
        List<byte[]> identities,
        ObjectNode header,
        ObjectNode parent,
        ObjectNode metadata,
        ObjectNode content,
        List<byte[]> buffers) {
    public static final String VERSION = "5.4";
    static final ObjectMapper JSON = PlainJson.mapper();

    public String type() {
        return header.path("msg_type").asText();
    }

    public String id() {
        return header.path("msg_id").asText();
    }

    /** An empty JSON object. */
    public static ObjectNode object() {
        return JSON.createObjectNode();
    }

    /** An answer on the channel that this message came by, or a broadcast about it. */
    public Message reply(String type, String session, ObjectNode content) {
        return of(identities, header, type, session, content);
    }

    /**
     * A message for all frontends.
     *
     * @param parent the header of its cause, or an empty object
     */
    public static Message broadcast(ObjectNode parent, String type, String session, ObjectNode content) {
        byte[] topic = ("kernel." + session + "." + type).getBytes(StandardCharsets.US_ASCII);
        return of(List.of(topic), parent, type, session, content);
    }

    /**
     * A message that the kernel sends.
     *
     * @param parent the header of its cause, or an empty object
     */
    public static Message of(
            List<byte[]> identities, ObjectNode parent, String type, String session, ObjectNode content) {
        ObjectNode header = object();
        header.put("msg_id", UUID.randomUUID().toString());
        header.put("session", session);
        header.put("username", "kernel");
        header.put("date", Instant.now().truncatedTo(ChronoUnit.MICROS).toString());
        header.put("msg_type", type);
        header.put("version", VERSION);
        return new Message(identities, header, parent, object(), content, List.of());
    }
}
