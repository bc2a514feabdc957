package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/** A notebook as one HTML file for people who have no Jupyter: its text, its code and its outputs, pictures included. */
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
}
