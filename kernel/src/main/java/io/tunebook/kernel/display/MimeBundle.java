package io.tunebook.kernel.display;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One value in several representations, keyed by MIME type; the frontend shows the richest it knows.
 *
 * @param data MIME type to content: text as a String, binary as Base64, JSON types as maps, lists and numbers, or as a
 *     String of JSON text
 * @param metadata MIME type to hints for the frontend, such as an image's width
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data">Jupyter messaging,
 *     display_data</a>
 */
public record MimeBundle(Map<String, Object> data, Map<String, Object> metadata) {
    public static final String TEXT = "text/plain";
    public static final String HTML = "text/html";
    public static final String MARKDOWN = "text/markdown";
    public static final String LATEX = "text/latex";
    public static final String SVG = "image/svg+xml";
    public static final String PNG = "image/png";
    public static final String JPEG = "image/jpeg";
    public static final String GIF = "image/gif";
    public static final String JSON = "application/json";

    public MimeBundle {
        data = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(data));
        metadata = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /**
     * A bundle without metadata.
     *
     * @param typesAndContents a MIME type and its content, again and again
     * @throws IllegalArgumentException if their number is odd
     */
    public static MimeBundle of(String... typesAndContents) {
        if (typesAndContents.length % 2 != 0) {
            throw new IllegalArgumentException(
                    "expected pairs of MIME type and content, found " + typesAndContents.length + " arguments");
        }
        Map<String, Object> data = new LinkedHashMap<>();
        for (int i = 0; i < typesAndContents.length; i += 2) {
            data.put(typesAndContents[i], typesAndContents[i + 1]);
        }
        return new MimeBundle(data, Map.of());
    }

    /** The plain text, or the empty string if there is none. */
    public String text() {
        return data.getOrDefault(TEXT, "").toString();
    }

    /** This bundle with one representation more, or with another content for it. */
    public MimeBundle with(String type, Object content) {
        Map<String, Object> more = new LinkedHashMap<>(data);
        more.put(type, content);
        return new MimeBundle(more, metadata);
    }

    /** This bundle with hints for one of its types. */
    public MimeBundle withMetadata(String type, Map<String, Object> hints) {
        Map<String, Object> more = new LinkedHashMap<>(metadata);
        more.put(type, Map.copyOf(hints));
        return new MimeBundle(data, more);
    }
}
