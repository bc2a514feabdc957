package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.Message;

/** A message of a frontend and the channel that it came by. */
record Request(Channel channel, Message message) {
    String type() {
        return message.type();
    }

    /** The subshell that it is for; empty for the main shell. */
    String subshell() {
        return message.header().path("subshell_id").asText("");
    }

    JsonNode content() {
        return message.content();
    }
}
