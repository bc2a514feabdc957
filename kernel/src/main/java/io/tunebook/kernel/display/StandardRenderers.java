package io.tunebook.kernel.display;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.Array;
import java.lang.reflect.RecordComponent;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.imageio.ImageIO;

/** How values look that no renderer on the class path knows. */
final class StandardRenderers {
    private static final int ROWS = 50;
    private static final int CELL = 500;

    private StandardRenderers() {}

    static MimeBundle render(Object value) {
        if (value instanceof BufferedImage image) {
            return image(image);
        } else if (value instanceof Path path && isImage(path.toString()) && Files.isRegularFile(path)) {
            return Display.image(path);
        } else if (value instanceof URL url && isImage(url.getPath())) {
            return Display.image(url);
        } else if (value instanceof Throwable t) {
            return folded(t);
        } else if (value instanceof Map<?, ?> map) {
            return map(map);
        } else if (value instanceof Collection<?> collection) {
            return rows(collection, collection.size(), Shortened.text(value));
        } else if (value.getClass().isArray()) {
            return array(value);
        } else if (value instanceof Record) {
            return rows(List.of(value), 1, RendererRegistry.text(value));
        } else if (value instanceof ResultSet results) {
            return resultSet(results);
        } else if (isJacksonNode(value.getClass())) {
            return MimeBundle.of(MimeBundle.TEXT, value.toString()).with(MimeBundle.JSON, value.toString());
        }
        return MimeBundle.of(MimeBundle.TEXT, RendererRegistry.text(value));
    }

    static MimeBundle image(BufferedImage image) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, "png", out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return image(out.toByteArray(), image.getWidth() + " × " + image.getHeight() + " pixels")
                .withMetadata(MimeBundle.PNG, Map.of("width", image.getWidth(), "height", image.getHeight()));
    }

    /** @throws IllegalArgumentException if the bytes are not of a PNG, JPEG or GIF file */
    static MimeBundle image(byte[] bytes, String what) {
        String type = bytes.length > 3 && (bytes[0] & 0xff) == 0x89 && bytes[1] == 'P'
                ? MimeBundle.PNG
                : bytes.length > 3 && (bytes[0] & 0xff) == 0xff && (bytes[1] & 0xff) == 0xd8
                        ? MimeBundle.JPEG
                        : bytes.length > 3 && bytes[0] == 'G' && bytes[1] == 'I' && bytes[2] == 'F'
                                ? MimeBundle.GIF
                                : null;
        if (type == null) {
            throw new IllegalArgumentException("expected a PNG, JPEG or GIF image, found neither in " + what);
        }
        return MimeBundle.of(
                type, Base64.getEncoder().encodeToString(bytes), MimeBundle.TEXT, "<an image, " + what + ">");
    }

    private static boolean isImage(String name) {
        return name.toLowerCase(Locale.ROOT).matches(".*\\.(png|jpe?g|gif)");
    }

    /** The user's Jackson and the kernel's are different classes, so the name decides. */
    private static boolean isJacksonNode(Class<?> type) {
        for (Class<?> c = type; c != null; c = c.getSuperclass()) {
            if (c.getName()
                    .endsWith(".jackson.databind.JsonNode")) { // the whole name would be renamed in the kernel's jar
                return true;
            }
        }
        return false;
    }

    private static MimeBundle folded(Throwable t) {
        StringWriter trace = new StringWriter();
        t.printStackTrace(new PrintWriter(trace));
        return MimeBundle.of(
                MimeBundle.HTML,
                "<details><summary>" + Html.escape(t.toString()) + "</summary><pre>" + Html.escape(trace.toString())
                        + "</pre></details>",
                MimeBundle.TEXT,
                trace.toString());
    }

    private static MimeBundle map(Map<?, ?> map) {
        List<List<String>> rows = new ArrayList<>();
        for (Map.Entry<?, ?> e : map.entrySet()) {
            if (rows.size() == ROWS) {
                break;
            }
            rows.add(List.of(cell(e.getKey()), cell(e.getValue())));
        }
        return MimeBundle.of(
                MimeBundle.TEXT,
                Shortened.text(map),
                MimeBundle.HTML,
                Html.table(List.of(), rows, map.size() - rows.size()));
    }

    private static MimeBundle array(Object array) {
        List<Object> values = elements(array);
        int length = Array.getLength(array);
        String text = Shortened.text(array);
        return array.getClass().getComponentType().isPrimitive()
                ? MimeBundle.of(MimeBundle.TEXT, text)
                : rows(values, length, text);
    }

    /** Records as columns by component, rows of arrays or lists as columns by number, others as one column. */
    private static MimeBundle rows(Collection<?> values, int size, String text) {
        if (values.isEmpty()) {
            return MimeBundle.of(MimeBundle.TEXT, text);
        }
        Class<?> type = values.iterator().next() instanceof Record r ? r.getClass() : null;
        boolean records = type != null && values.stream().limit(ROWS).allMatch(v -> v != null && v.getClass() == type);
        if (!records
                && values.stream()
                        .limit(ROWS)
                        .allMatch(v -> v instanceof Number || v instanceof Boolean || v instanceof Character)) {
            return MimeBundle.of(MimeBundle.TEXT, text);
        }
        List<String> header = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        if (records) {
            for (RecordComponent c : type.getRecordComponents()) {
                header.add(c.getName());
            }
        }
        for (Object value : values) {
            if (rows.size() == ROWS) {
                break;
            }
            rows.add(
                    records
                            ? components((Record) value)
                            : value instanceof Collection<?> row
                                    ? cells(row)
                                    : value != null && value.getClass().isArray()
                                            ? cells(elements(value))
                                            : List.of(cell(value)));
        }
        return MimeBundle.of(MimeBundle.TEXT, text, MimeBundle.HTML, Html.table(header, rows, size - rows.size()));
    }

    private static List<Object> elements(Object array) {
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < Math.min(Array.getLength(array), ROWS); i++) {
            values.add(Array.get(array, i));
        }
        return values;
    }

    private static List<String> cells(Collection<?> row) {
        return row.stream().limit(ROWS).map(StandardRenderers::cell).toList();
    }

    private static List<String> components(Record value) {
        List<String> cells = new ArrayList<>();
        for (RecordComponent c : value.getClass().getRecordComponents()) {
            try {
                c.getAccessor().setAccessible(true);
                cells.add(cell(c.getAccessor().invoke(value)));
            } catch (ReflectiveOperationException | RuntimeException e) {
                cells.add("(" + e + ")");
            }
        }
        return cells;
    }

    private static MimeBundle resultSet(ResultSet results) {
        try {
            ResultSetMetaData meta = results.getMetaData();
            List<String> header = new ArrayList<>();
            for (int i = 1; i <= meta.getColumnCount(); i++) {
                header.add(meta.getColumnLabel(i));
            }
            List<List<String>> rows = new ArrayList<>();
            while (rows.size() < ROWS && results.next()) {
                List<String> row = new ArrayList<>();
                for (int i = 1; i <= header.size(); i++) {
                    row.add(cell(results.getObject(i)));
                }
                rows.add(row);
            }
            StringBuilder text = new StringBuilder(String.join("\t", header));
            rows.forEach(r -> text.append('\n').append(String.join("\t", r)));
            boolean more = rows.size() == ROWS && results.next();
            return MimeBundle.of(
                    MimeBundle.TEXT,
                    text.append(more ? "\n…" : "").toString(),
                    MimeBundle.HTML,
                    Html.table(header, rows, more ? -1 : 0));
        } catch (SQLException e) {
            return MimeBundle.of(MimeBundle.TEXT, results + " (" + e.getMessage() + ")");
        }
    }

    private static String cell(Object value) {
        String text = Shortened.text(value);
        return text.length() <= CELL ? text : text.substring(0, CELL) + "…";
    }

    /** The text of collections, maps and arrays, nested ones too, without their end where they are large. */
    private static final class Shortened {
        private static final int ARRAY = 50;
        private static final int ELEMENTS = 1_000;
        private static final int CHARACTERS = 100_000;
        private static final int DEPTH = 20;

        private Shortened() {}

        static String text(Object value) {
            StringBuilder out = new StringBuilder();
            append(out, value, 0);
            return out.toString();
        }

        private static void append(StringBuilder out, Object value, int depth) {
            if (value != null && value.getClass().isArray()) {
                int length = Array.getLength(value);
                out.append('[');
                for (int i = 0; i < length; i++) {
                    if (i == ARRAY || out.length() > CHARACTERS) {
                        out.append(", … ").append(length).append(" in all");
                        break;
                    }
                    out.append(i == 0 ? "" : ", ");
                    append(out, Array.get(value, i), depth + 1);
                }
                out.append(']');
            } else if (value instanceof Collection<?> c && isPlain(c) && depth < DEPTH) {
                elements(out, c.iterator(), c.size(), '[', ']', depth);
            } else if (value instanceof Map<?, ?> m && isPlain(m) && depth < DEPTH) {
                elements(out, m.entrySet().iterator(), m.size(), '{', '}', depth);
            } else if (value instanceof Map.Entry<?, ?> e && isPlain(e) && depth < DEPTH) {
                append(out, e.getKey(), depth + 1);
                out.append('=');
                append(out, e.getValue(), depth + 1);
            } else {
                String text = RendererRegistry.text(value);
                boolean whole = depth == 0 || text.length() <= CHARACTERS;
                out.append(whole ? text : text.substring(0, CHARACTERS) + "…");
            }
        }

        private static void elements(StringBuilder out, Iterator<?> all, int size, char open, char close, int depth) {
            out.append(open);
            for (int i = 0; all.hasNext(); i++) {
                if (i == ELEMENTS || out.length() > CHARACTERS) {
                    out.append(", … ").append(size).append(" in all");
                    break;
                }
                out.append(i == 0 ? "" : ", ");
                append(out, all.next(), depth + 1);
            }
            out.append(close);
        }

        /** The JDK's own say what they hold in this form; others may say something else. */
        private static boolean isPlain(Object value) {
            return value.getClass().getName().startsWith("java.util.");
        }
    }
}
