package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** A JSON object as a {@link Document}, whatever its file calls the fields. */
final class DocumentReader {
    private DocumentReader() {}

    /**
     * @param parser before the object
     * @param name the document's id if it has none
     * @return null if no field holds a text
     */
    static Document read(JsonParser parser, Supplier<String> name) throws IOException {
        String id = null;
        String title = "";
        String content = null;
        String dataType = "";
        Map<String, Object> fields = new LinkedHashMap<>();
        parser.nextToken();
        for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
            parser.nextToken();
            switch (field) {
                case "id" -> id = text(parser);
                case "title" -> title = text(parser);
                case "dataType" -> dataType = text(parser);
                case "content" -> content = text(parser);
                case "text", "body" -> {
                    if (content == null) {
                        content = text(parser);
                    } else {
                        fields.put(field, value(parser));
                    }
                }
                default -> fields.put(field, value(parser));
            }
        }
        if (content == null) {
            return null;
        }
        if (id == null || id.isEmpty()) {
            Object key = fields.get("uniqueKey");
            id = key == null ? name.get() : key.toString();
        }
        return new Document(id, title, content, dataType, fields);
    }

    /** A scalar's text, nothing for null, and a list's texts as paragraphs. */
    private static String text(JsonParser parser) throws IOException {
        return switch (parser.currentToken()) {
            case VALUE_NULL -> "";
            case START_ARRAY ->
                ((List<?>) value(parser)).stream().map(String::valueOf).collect(Collectors.joining("\n"));
            case START_OBJECT -> String.valueOf(value(parser));
            default -> parser.getText();
        };
    }

    /** Any JSON value; leaves the parser at its last token. */
    static Object value(JsonParser parser) throws IOException {
        return switch (parser.currentToken()) {
            case VALUE_NULL -> null;
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> parser.getNumberValue();
            case START_ARRAY -> {
                List<Object> list = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    list.add(value(parser));
                }
                yield list;
            }
            case START_OBJECT -> {
                Map<String, Object> map = new LinkedHashMap<>();
                for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
                    parser.nextToken();
                    map.put(field, value(parser));
                }
                yield map;
            }
            default -> parser.getText();
        };
    }
}
