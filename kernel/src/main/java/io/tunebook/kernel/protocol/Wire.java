package io.tunebook.kernel.protocol;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Messages as frames and back, signed with HMAC-SHA256.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol">The wire protocol</a>
 */
public final class Wire {
    private static final byte[] DELIMITER = "<IDS|MSG>".getBytes(StandardCharsets.US_ASCII);
    private static final int REMEMBERED = 1 << 16;

    private final SecretKeySpec key;
    /** Signatures seen lately: a message that comes again was recorded by somebody. */
    private final Map<String, Boolean> seen = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > REMEMBERED;
        }
    };

    /** @param key of the signatures; empty for none */
    public Wire(String key) {
        this.key = key.isEmpty() ? null : new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256");
    }

    /** The frames of a message. */
    public List<byte[]> encode(Message m) {
        try {
            List<byte[]> json = List.of(
                    Message.JSON.writeValueAsBytes(m.header()),
                    Message.JSON.writeValueAsBytes(m.parent()),
                    Message.JSON.writeValueAsBytes(m.metadata()),
                    Message.JSON.writeValueAsBytes(m.content()));
            List<byte[]> frames = new ArrayList<>(m.identities());
            frames.add(DELIMITER);
            frames.add(sign(json).getBytes(StandardCharsets.US_ASCII));
            frames.addAll(json);
            frames.addAll(m.buffers());
            return frames;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("cannot be written as JSON: " + m.type(), e);
        }
    }

    /**
     * The message of these frames.
     *
     * @throws MalformedMessage if it is none, its signature is wrong, or it came before
     */
    public Message decode(List<byte[]> frames) throws MalformedMessage {
        int at = 0;
        while (at < frames.size() && !Arrays.equals(frames.get(at), DELIMITER)) {
            at++;
        }
        if (frames.size() < at + 6) {
            throw new MalformedMessage(
                    "expected a delimiter, a signature and four JSON frames, found " + frames.size() + " frames");
        }
        List<byte[]> json = frames.subList(at + 2, at + 6);
        if (key != null) {
            String expected = sign(json);
            if (!MessageDigest.isEqual(expected.getBytes(StandardCharsets.US_ASCII), frames.get(at + 1))) {
                throw new MalformedMessage("the signature is wrong");
            }
            synchronized (seen) {
                if (seen.put(expected, true) != null) {
                    throw new MalformedMessage("the message came before");
                }
            }
        }
        Message m = new Message(
                List.copyOf(frames.subList(0, at)),
                object(json.get(0), "header"),
                object(json.get(1), "parent header"),
                object(json.get(2), "metadata"),
                object(json.get(3), "content"),
                List.copyOf(frames.subList(at + 6, frames.size())));
        if (!m.header().path("msg_type").isTextual()
                || !m.header().path("msg_id").isTextual()) {
            throw new MalformedMessage("the header has no msg_type or msg_id");
        }
        return m;
    }

    private static ObjectNode object(byte[] frame, String what) throws MalformedMessage {
        try {
            JsonNode node = Message.JSON.readTree(frame);
            if (node instanceof ObjectNode object) {
                return object;
            }
        } catch (IOException | StackOverflowError e) {
            throw new MalformedMessage("the " + what + " is not JSON");
        }
        throw new MalformedMessage("the " + what + " is not a JSON object");
    }

    private String sign(List<byte[]> json) {
        if (key == null) {
            return "";
        }
        try {
            Mac mac = Mac.getInstance(key.getAlgorithm());
            mac.init(key);
            json.forEach(mac::update);
            return HexFormat.of().formatHex(mac.doFinal());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every Java platform has HmacSHA256
        }
    }

    /** Frames that are no message of this connection. */
    public static final class MalformedMessage extends Exception {
        private static final long serialVersionUID = 1;

        MalformedMessage(String message) {
            super(message);
        }
    }
}
