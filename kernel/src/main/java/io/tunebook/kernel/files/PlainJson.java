package io.tunebook.kernel.files;

import com.fasterxml.jackson.databind.ObjectMapper;

/** Jackson's mapper as it is by default. It is costly to make and safe to share, and nobody changes its settings. */
public final class PlainJson {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private PlainJson() {}

    /** The one mapper. */
    public static ObjectMapper mapper() {
        return MAPPER;
    }
}
