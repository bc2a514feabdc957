package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.tunebook.data.ChatRow.WrongRow;
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
     * @throws WrongRow if no field holds a text
     */
    static Document read(JsonParser parser, Supplier<String> name) throws IOException, WrongRow {
        Fields fields = new Fields();
        parser.nextToken();
        for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
            parser.nextToken();
            if (fields.wantsText(field)) {
                fields.text(field, text(parser));
            } else {
                fields.more.put(field, value(parser));
            }
        }
        return fields.document(name);
    }

    /** As {@link #read(JsonParser, Supplier)}, of a row that was read already. */
    static Document read(Map<String, Object> row, Supplier<String> name) throws WrongRow {
        Fields fields = new Fields();
        row.forEach((field, value) -> {
            if (fields.wantsText(field)) {
                fields.text(field, text(value));
            } else {
                fields.more.put(field, value);
            }
        });
        return fields.document(name);
    }

    /** A row that is a conversation: its title is its place, its text what is said, and all its fields beside it. */
    static Document chat(Map<String, Object> row, Supplier<String> name) throws WrongRow {
        ChatExample example = ChatRow.read(row);
        String said = example.messages().stream().map(Message::content).collect(Collectors.joining("\n"));
        return new Document(row.get("id") == null ? name.get() : text(row.get("id")), name.get(), said, "", row);
    }

    /** The fields of one document. */
    private static final class Fields {
        private final Map<String, Object> more = new LinkedHashMap<>();
        private String id;
        private String title = "";
        private String content;
        private String dataType = "";

        boolean wantsText(String field) {
            return switch (field) {
                case "id", "title", "dataType", "content" -> true;
                case "text", "body" -> content == null;
                default -> false;
            };
        }

        void text(String field, String text) {
            switch (field) {
                case "id" -> id = text;
                case "title" -> title = text;
                case "dataType" -> dataType = text;
                default -> content = text;
            }
        }

        Document document(Supplier<String> name) throws WrongRow {
            if (content == null) {
                throw new WrongRow(
                        "",
                        "expected a text in a field content, text or body, found none of them but " + more.keySet()
                                + ". Name it: corpus.columns(Map.of(\"content\", \"its field\")); conversations are"
                                + " read by ChatExample.read");
            }
            if (id == null || id.isEmpty()) {
                Object key = more.get("uniqueKey");
                id = key == null ? name.get() : key.toString();
            }
            return new Document(id, title, content, dataType, more);
        }
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

    private static String text(Object value) {
        return value instanceof List<?> list
                ? list.stream().map(String::valueOf).collect(Collectors.joining("\n"))
                : value == null ? "" : value.toString();
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
