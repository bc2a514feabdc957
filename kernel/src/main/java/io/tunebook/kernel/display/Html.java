package io.tunebook.kernel.display;

import java.util.List;

/** The few pieces of HTML that renderers share. */
public final class Html {
    private Html() {}

    /** Text as HTML shows it: nothing in it is markup. */
    public static String escape(String text) {
        StringBuilder out = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                default -> out.append(c);
            }
        }
        return out.toString();
    }

    /**
     * A table.
     *
     * @param header the column names, empty for none
     * @param rows cells as plain text
     * @param omitted how many rows are not shown, said below the table if not 0; negative if their number is not known
     */
    public static String table(List<String> header, List<List<String>> rows, long omitted) {
        StringBuilder out = new StringBuilder("<table>");
        if (!header.isEmpty()) {
            out.append("<thead><tr>");
            header.forEach(h -> out.append("<th style=\"text-align:left\">")
                    .append(escape(h))
                    .append("</th>"));
            out.append("</tr></thead>");
        }
        out.append("<tbody>");
        for (List<String> row : rows) {
            out.append("<tr>");
            row.forEach(cell -> out.append("<td style=\"text-align:left\">")
                    .append(escape(cell))
                    .append("</td>"));
            out.append("</tr>");
        }
        out.append("</tbody></table>");
        if (omitted != 0) {
            out.append("<p><i>")
                    .append(omitted > 0 ? omitted + " more rows" : "more rows")
                    .append("</i></p>");
        }
        return out.toString();
    }

    /** What remains of HTML without its tags, for those who see only text. */
    static String text(String html) {
        return html.replaceAll("(?s)<(script|style)\\b.*?</\\1>", "")
                .replaceAll("<[^>]*>", " ")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&nbsp;", " ")
                .replace("&amp;", "&")
                .replaceAll("[ \\t]+", " ")
                .strip();
    }
}
