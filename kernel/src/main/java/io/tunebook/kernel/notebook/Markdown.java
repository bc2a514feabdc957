package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.display.Html;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;

/** Markdown cells as HTML: CommonMark with GitHub's tables, formulas left as they are typed. */
final class Markdown {
    private static final Pattern FORMULA = Pattern.compile(
            "(?<code>(?m:^ {0,3})(?<fence>`{3,}|~{3,})[\\s\\S]*?\\k<fence>|(?<ticks>`+)[^`][\\s\\S]*?\\k<ticks>)"
                    + "|\\$\\$[\\s\\S]+?\\$\\$|\\\\\\([\\s\\S]+?\\\\\\)|\\\\\\[[\\s\\S]+?\\\\\\]"
                    + "|(?<![\\\\$\\w])\\$(?![\\s\\d])(?:[^$\\n\\\\]|\\\\.)+?(?<!\\s)\\$(?![\\w$])");
    /** Nothing that a cell holds: a private character on each side. */
    private static final String MARK = "\uE000%d\uE001";

    private static final Pattern MARKED = Pattern.compile("\uE000(\\d+)\uE001");

    private final List<Extension> extensions = List.of(TablesExtension.create());
    private final Parser parser = Parser.builder().extensions(extensions).build();
    private final HtmlRenderer renderer =
            HtmlRenderer.builder().extensions(extensions).build();
    private boolean formulas;

    /** Whether a formula has been met. */
    boolean formulas() {
        return formulas;
    }

    /** A formula in LaTeX with its delimiters. */
    String formula(String latex) {
        formulas = true;
        return Html.escape(latex);
    }

    /**
     * HTML of a text.
     *
     * @param attachments pictures that the cell holds: name to MIME type to base64
     */
    String html(String text, JsonNode attachments) {
        List<String> kept = new ArrayList<>();
        Matcher m = FORMULA.matcher(text);
        StringBuilder marked = new StringBuilder();
        while (m.find()) {
            boolean code = m.group("code") != null;
            m.appendReplacement(marked, Matcher.quoteReplacement(code ? m.group() : MARK.formatted(kept.size())));
            if (!code) {
                kept.add(formula(m.group()));
            }
        }
        m.appendTail(marked);
        String html = renderer.render(parser.parse(marked.toString()));
        String whole =
                MARKED.matcher(html).replaceAll(r -> Matcher.quoteReplacement(kept.get(Integer.parseInt(r.group(1)))));
        for (Map.Entry<String, JsonNode> attachment : attachments.properties()) {
            for (Map.Entry<String, JsonNode> picture : attachment.getValue().properties()) {
                whole = whole.replace(
                        "\"attachment:" + Html.escape(attachment.getKey()) + "\"",
                        "\"data:" + picture.getKey() + ";base64,"
                                + Notebook.joined(picture.getValue()).replaceAll("\\s", "") + "\"");
            }
        }
        return whole;
    }
}
