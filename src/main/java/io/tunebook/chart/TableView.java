package io.tunebook.chart;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Renderer;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tech.tablesaw.api.ColumnType;
import tech.tablesaw.api.Table;
import tech.tablesaw.columns.Column;

/**
 * A table as a notebook shows it: the first rows, everything escaped, numbers to the right, and a line that says how
 * many rows there are. A Tablesaw table that a cell ends with is shown in this way by itself.
 *
 * @param header the columns' names
 * @param rows the rows shown, each with a cell for every column
 * @param numeric which columns hold numbers
 * @param size how many rows the table has
 */
public record TableView(List<String> header, List<List<String>> rows, List<Boolean> numeric, long size) {
    private static final int ROWS = 20;
    private static final int CELL = 200;
    private static final String STYLE = "text-align:%s;white-space:%s;max-width:40em;overflow-wrap:anywhere";

    /** So many characters stay on one line, else words and numbers of narrow columns would be broken. */
    private static final int UNBROKEN = 24;

    public TableView {
        header = List.copyOf(header);
        rows = rows.stream().map(List::copyOf).toList();
        numeric = List.copyOf(numeric);
    }

    /** The first 20 rows. */
    public static TableView of(Table table) {
        return of(table, ROWS);
    }

    /** The first so many rows. */
    public static TableView of(Table table, int rows) {
        List<List<String>> cells = new ArrayList<>();
        for (int i = 0; i < Math.min(rows, table.rowCount()); i++) {
            List<String> row = new ArrayList<>();
            for (Column<?> column : table.columns()) {
                row.add(column.isMissing(i) ? "" : cell(column.get(i)));
            }
            cells.add(row);
        }
        List<Boolean> numeric =
                table.columns().stream().map(c -> isNumber(c.type())).toList();
        return new TableView(table.columnNames(), cells, numeric, table.rowCount());
    }

    /** Records by component, maps by key, other values in one column; the first 20. */
    public static TableView of(Collection<?> values) {
        Set<String> names = new LinkedHashSet<>();
        List<Map<String, Object>> shown =
                values.stream().limit(ROWS).map(TableView::fields).toList();
        shown.forEach(row -> names.addAll(row.keySet()));
        List<List<String>> cells = new ArrayList<>();
        for (Map<String, Object> row : shown) {
            cells.add(names.stream().map(n -> cell(row.get(n))).toList());
        }
        List<Boolean> numeric = names.stream()
                .map(n -> shown.stream().allMatch(row -> row.get(n) == null || row.get(n) instanceof Number))
                .toList();
        return new TableView(List.copyOf(names), cells, numeric, values.size());
    }

    private static Map<String, Object> fields(Object value) {
        Map<String, Object> fields = new java.util.LinkedHashMap<>();
        if (value instanceof Record r) {
            for (RecordComponent c : r.getClass().getRecordComponents()) {
                try {
                    c.getAccessor().setAccessible(true);
                    fields.put(c.getName(), c.getAccessor().invoke(r));
                } catch (ReflectiveOperationException e) {
                    throw new IllegalStateException("cannot read " + c + " of " + r.getClass(), e);
                }
            }
        } else if (value instanceof Map<?, ?> map) {
            map.forEach((k, v) -> fields.put(String.valueOf(k), v));
        } else {
            fields.put("value", value);
        }
        return fields;
    }

    private static String cell(Object value) {
        String text;
        if (value == null) {
            text = "";
        } else if (value instanceof Double || value instanceof Float) {
            double v = ((Number) value).doubleValue();
            text = Double.isFinite(v) ? Charts.number(v) : value.toString();
        } else if (value instanceof Object[] array) {
            text = Arrays.toString(array);
        } else {
            text = value.toString();
        }
        return text.codePointCount(0, text.length()) <= CELL
                ? text
                : text.substring(0, text.offsetByCodePoints(0, CELL)) + "…";
    }

    private static boolean isNumber(ColumnType type) {
        return List.of(ColumnType.DOUBLE, ColumnType.FLOAT, ColumnType.INTEGER, ColumnType.LONG, ColumnType.SHORT)
                .contains(type);
    }

    private MimeBundle bundle() {
        StringBuilder html = new StringBuilder("<table><thead><tr>");
        for (int c = 0; c < header.size(); c++) {
            append(html, "th", c, header.get(c));
        }
        html.append("</tr></thead><tbody>");
        for (List<String> row : rows) {
            html.append("<tr>");
            for (int c = 0; c < header.size(); c++) {
                append(html, "td", c, row.get(c));
            }
            html.append("</tr>");
        }
        html.append("</tbody></table>");
        String more = rows.size() == size ? "" : String.format(Locale.ROOT, "%,d of %,d rows", rows.size(), size);
        if (!more.isEmpty()) {
            html.append("<p><i>").append(more).append("</i></p>");
        }
        StringBuilder text = new StringBuilder(String.join("\t", header));
        rows.forEach(row -> text.append('\n').append(String.join("\t", row)));
        return MimeBundle.of(
                MimeBundle.HTML,
                html.toString(),
                MimeBundle.TEXT,
                more.isEmpty() ? text.toString() : text + "\n" + more);
    }

    private void append(StringBuilder html, String tag, int column, String text) {
        html.append('<')
                .append(tag)
                .append(" style=\"")
                .append(String.format(
                        Locale.ROOT,
                        STYLE,
                        numeric.get(column) ? "right" : "left",
                        text.length() <= UNBROKEN && text.indexOf('\n') < 0 ? "pre" : "pre-wrap"))
                .append("\">")
                .append(Html.escape(text))
                .append("</")
                .append(tag)
                .append('>');
    }

    /** Shows a view. */
    public static final class OfView implements Renderer<TableView> {
        @Override
        public Class<TableView> type() {
            return TableView.class;
        }

        @Override
        public MimeBundle render(TableView view) {
            return view.bundle();
        }
    }

    /** Shows a Tablesaw table. */
    public static final class OfTable implements Renderer<Table> {
        @Override
        public Class<Table> type() {
            return Table.class;
        }

        @Override
        public MimeBundle render(Table table) {
            return of(table).bundle();
        }
    }
}
