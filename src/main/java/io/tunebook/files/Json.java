package io.tunebook.files;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Jackson's mappers, one for each use: they are costly to make, safe to share, and nobody changes their settings. */
public final class Json {
    private static final ObjectMapper FILES = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final ObjectMapper WIRE = new ObjectMapper();

    private Json() {}

    /** For files: one value fills the file, and what follows it is an error. */
    public static ObjectMapper files() {
        return FILES;
    }

    /** For what programs tell each other: the first value counts, as in the servers that are spoken with. */
    public static ObjectMapper wire() {
        return WIRE;
    }
}
