package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;

/**
 * A notebook as one HTML file for people who have no Jupyter: its text, its code and its outputs, pictures included.
 */
final class HtmlPage {
    /** What is shown of an output, the first that it has. */
    private static final List<String> TYPES = List.of(
            MimeBundle.HTML,
            MimeBundle.SVG,
            "image/png",
            "image/jpeg",
            "image/gif",
            MimeBundle.MARKDOWN,
            MimeBundle.LATEX,
            MimeBundle.JSON,
            MimeBundle.TEXT);

    private static final String HEAD = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>%s</title>
            <style>
            body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1f2328; }
            pre, code { font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace; }
            pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
            .cell { display: grid; grid-template-columns: 5rem minmax(0, 1fr); column-gap: .5rem; margin: .75rem 0; }
            .count { font: 13px/1.45 ui-monospace, monospace; color: #59636e; text-align: right; padding-top: .5rem; }
            .source { background: #f6f8fa; border: 1px solid #d1d9e0; border-radius: 4px; padding: .5rem; }
            .output { padding: .25rem .5rem; overflow-x: auto; }
            .stderr { background: #fff1f0; }
            .keyword { color: #cf222e; } .string { color: #0a3069; } .comment { color: #59636e; } .number { color: #0550ae; }
            table { border-collapse: collapse; } td, th { padding: .2rem .6rem; border: 1px solid #d1d9e0; }
            img, svg { max-width: 100%%; }
            </style>
            %s</head>
            <body>
            """;

    /** Formulas are set in the reader's browser, as nbconvert has it; the page is whole without. */
    private static final String FORMULAS = """
            <script>MathJax = { tex: { inlineMath: [['$', '$'], ['\\\\(', '\\\\)']] } };</script>
            <script defer src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-mml-chtml.js"></script>
            """;

    private final Markdown markdown = new Markdown();
    private final StringBuilder body = new StringBuilder();

    private HtmlPage() {}

    /** The page. */
    static String of(Notebook notebook, String title) {
        HtmlPage page = new HtmlPage();
        notebook.cells().forEach(page::cell);
        return HEAD.formatted(Html.escape(title), page.markdown.formulas() ? FORMULAS : "")
                + page.body
                + "</body>\n</html>\n";
    }

    private void cell(Notebook.Cell cell) {
        String kind = cell.node().path("cell_type").asText();
        if (kind.equals("markdown")) {
            body.append("<div class=\"cell\"><div></div><div class=\"markdown\">\n")
                    .append(markdown.html(cell.source(), cell.node().path("attachments")))
                    .append("</div></div>\n");
        } else if (kind.equals("code")) {
            JsonNode count = cell.node().path("execution_count");
            row(
                    count.isInt() ? "[" + count.asInt() + "]" : "[ ]",
                    "<div class=\"source\"><pre>" + JavaHighlighter.html(cell.source()) + "</pre></div>");
            cell.node().path("outputs").forEach(this::output);
        } else {
            row("", "<div class=\"output\"><pre>" + Html.escape(cell.source()) + "</pre></div>");
        }
    }

    private void row(String count, String content) {
        body.append("<div class=\"cell\"><div class=\"count\">" + count + "</div>" + content + "</div>\n");
    }

    private void output(JsonNode output) {
        switch (output.path("output_type").asText()) {
            case "stream" -> {
                boolean error = output.path("name").asText().equals("stderr");
                row(
                        "",
                        "<div class=\"output" + (error ? " stderr" : "") + "\"><pre>"
                                + AnsiColours.html(Notebook.joined(output.path("text"))) + "</pre></div>");
            }
            case "error" -> {
                StringBuilder trace = new StringBuilder();
                output.path("traceback")
                        .forEach(line -> trace.append(line.asText()).append('\n'));
                row("", "<div class=\"output stderr\"><pre>" + AnsiColours.html(trace.toString()) + "</pre></div>");
            }
            default -> row("", "<div class=\"output\">" + data(output.path("data")) + "</div>");
        }
    }

    private String data(JsonNode data) {
        for (String type : TYPES) {
            JsonNode content = data.path(type);
            if (!content.isMissingNode()) {
                String text = content.isObject() ? content.toPrettyString() : Notebook.joined(content);
                return switch (type) {
                    case MimeBundle.HTML -> text;
                    case MimeBundle.SVG -> text.replaceFirst("(?s)^.*?(?=<svg)", "");
                    case MimeBundle.MARKDOWN -> markdown.html(text, Notebook.JSON.missingNode());
                    case MimeBundle.LATEX -> markdown.formula(text);
                    case MimeBundle.JSON, MimeBundle.TEXT -> "<pre>" + AnsiColours.html(text) + "</pre>";
                    default -> "<img alt=\"\" src=\"data:" + type + ";base64," + text.replaceAll("\\s", "") + "\">";
                };
            }
        }
        return "";
    }

    /** Markdown cells as HTML: CommonMark with GitHub's tables, formulas left as they are typed. */
    static final class Markdown {
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
            String whole = MARKED.matcher(html)
                    .replaceAll(r -> Matcher.quoteReplacement(kept.get(Integer.parseInt(r.group(1)))));
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

    /** Java's source in colours. */
    private static final class JavaHighlighter {
        private static final List<String> CLASSES = List.of("comment", "string", "number", "keyword");
        private static final Pattern TOKEN = Pattern.compile("(?<comment>//[^\\n]*|/\\*[\\s\\S]*?(?:\\*/|$))"
                + "|(?<string>\"\"\"[\\s\\S]*?(?:\"\"\"|$)|\"(?:[^\"\\\\\\n]|\\\\.)*+\"?|'(?:[^'\\\\\\n]|\\\\.)*+'?)"
                + "|(?<number>\\b\\d[\\w.]*)"
                + "|(?<keyword>\\b(?:abstract|assert|boolean|break|byte|case|catch|char|class|continue|default|do|double|else|enum"
                + "|extends|false|final|finally|float|for|if|implements|import|instanceof|int|interface|long|native|new|null"
                + "|package|private|protected|public|record|return|sealed|permits|short|static|super|switch|synchronized|this|throw"
                + "|throws|transient|true|try|var|void|volatile|while|yield)\\b)");

        private JavaHighlighter() {}

        static String html(String source) {
            StringBuilder out = new StringBuilder();
            Matcher m = TOKEN.matcher(source);
            int from = 0;
            while (m.find()) {
                out.append(Html.escape(source.substring(from, m.start())));
                String kind = CLASSES.stream()
                        .filter(c -> m.group(c) != null)
                        .findFirst()
                        .orElseThrow();
                out.append("<span class=\"" + kind + "\">" + Html.escape(m.group()) + "</span>");
                from = m.end();
            }
            return out.append(Html.escape(source.substring(from))).toString();
        }
    }

    /** A terminal's text as HTML: its colours and bold letters, other control sequences left out. */
    private static final class AnsiColours {
        private static final Pattern SEQUENCE = Pattern.compile("\u001b\\[([\\d;]*)([A-Za-z])");
        private static final List<String> COLOURS =
                List.of("#000000", "#cf222e", "#116329", "#9a6700", "#0969da", "#8250df", "#1b7c83", "#59636e");

        private AnsiColours() {}

        static String html(String text) {
            StringBuilder out = new StringBuilder();
            Matcher m = SEQUENCE.matcher(text);
            int from = 0;
            boolean open = false;
            boolean bold = false;
            String colour = "";
            while (m.find()) {
                out.append(Html.escape(text.substring(from, m.start())));
                from = m.end();
                if (!m.group(2).equals("m")) {
                    continue;
                }
                for (String code :
                        m.group(1).isEmpty() ? new String[] {"0"} : m.group(1).split(";")) {
                    int n = code.isEmpty() || code.length() > 3 ? 0 : Integer.parseInt(code);
                    bold = n == 1 || bold && n != 0 && n != 22;
                    colour = n >= 30 && n < 38
                            ? COLOURS.get(n - 30)
                            : n >= 90 && n < 98 ? COLOURS.get(n - 90) : n == 0 || n == 39 ? "" : colour;
                }
                out.append(open ? "</span>" : "");
                List<String> styles = new ArrayList<>();
                if (bold) {
                    styles.add("font-weight:bold");
                }
                if (!colour.isEmpty()) {
                    styles.add("color:" + colour);
                }
                open = !styles.isEmpty();
                out.append(open ? "<span style=\"" + String.join(";", styles) + "\">" : "");
            }
            return out.append(Html.escape(text.substring(from)))
                    .append(open ? "</span>" : "")
                    .toString();
        }
    }
}
