package io.tunebook.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * One document of a corpus, in the form of WuDaoCorpora 2.0 ({@code id, uniqueKey, titleUkey, dataType, title,
 * content}).
 *
 * @param id what its file calls it, or {@code file:number} where the file gives no name
 * @param title possibly empty
 * @param content the text itself, possibly empty
 * @param dataType the kind or topic that the file names, possibly empty
 * @param fields all other fields of the document in the file's order; values are strings, numbers, booleans, lists,
 *     maps or null as JSON has them
 */
public record Document(String id, String title, String content, String dataType, Map<String, Object> fields) {

    public Document {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(title, "title");
        Objects.requireNonNull(content, "content");
        Objects.requireNonNull(dataType, "dataType");
        fields = fields.isEmpty() ? Map.of() : Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    public Document(String id, String title, String content) {
        this(id, title, content, "", Map.of());
    }

    /** The same document with another text. */
    public Document withContent(String text) {
        return new Document(id, title, text, dataType, fields);
    }

    /** The length of the text in Unicode code points, so that a Chinese character and an emoji count as one each. */
    public int length() {
        return content.codePointCount(0, content.length());
    }
}
