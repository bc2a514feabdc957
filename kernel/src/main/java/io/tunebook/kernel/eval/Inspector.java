package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import jdk.jshell.SourceCodeAnalysis.Documentation;

/** What stands at the cursor: signatures and Javadoc, from the JDK's src.zip where it is there. */
public final class Inspector {
    private final CellEvaluator evaluator;

    public Inspector(CellEvaluator evaluator) {
        this.evaluator = evaluator;
    }

    /** @return its documentation, or empty if nothing is known there */
    public Optional<MimeBundle> inspect(String cell, int cursor, boolean detailed) {
        int end = cursor;
        while (end < cell.length() && Character.isJavaIdentifierPart(cell.charAt(end))) {
            end++;
        }
        // A method's documentation is asked for behind its parenthesis, a class's and a variable's at the end of the
        // name.
        Optional<MimeBundle> method =
                end < cell.length() && cell.charAt(end) == '(' ? at(cell, end + 1) : Optional.empty();
        Optional<MimeBundle> found = method.isPresent() ? method : at(cell, end);
        String name = cell.substring(wordStart(cell, end), end);
        return found.isPresent() ? found : evaluator.variable(name).map(v -> variable(name, v.value()));
    }

    private static int wordStart(String cell, int end) {
        int start = end;
        while (start > 0 && Character.isJavaIdentifierPart(cell.charAt(start - 1))) {
            start--;
        }
        return start;
    }

    private MimeBundle variable(String name, Object value) {
        String type = evaluator.variables().get(name);
        String text = String.valueOf(value);
        return MimeBundle.of(
                MimeBundle.TEXT,
                type + " " + name + " = " + (text.length() > 2000 ? text.substring(0, 2000) + "…" : text));
    }

    private Optional<MimeBundle> at(String cell, int cursor) {
        int from = Completer.snippetStart(evaluator.analysis(), cell, cursor);
        List<Documentation> found = evaluator.analysis().documentation(cell.substring(from), cursor - from, true);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        String text = found.stream()
                .map(d -> d.signature() + (d.javadoc() == null ? "" : "\n\n" + plain(d.javadoc())))
                .distinct()
                .collect(Collectors.joining("\n\n"));
        String html = found.stream()
                .map(d -> "<p><code><b>" + Html.escape(d.signature()) + "</b></code></p>"
                        + (d.javadoc() == null ? "" : html(d.javadoc())))
                .distinct()
                .collect(Collectors.joining("<hr>"));
        return Optional.of(MimeBundle.of(MimeBundle.TEXT, text, MimeBundle.HTML, html));
    }

    /** Javadoc's inline tags as HTML; the rest of it is HTML already. */
    private static String html(String javadoc) {
        String[] parts = javadoc.split("(?m)^\\s*@", 2);
        StringBuilder out = new StringBuilder("<div>" + inline(parts[0]) + "</div>");
        if (parts.length == 2) {
            out.append("<dl>");
            for (String tag : ("@" + parts[1]).split("(?m)^\\s*(?=@)")) {
                String[] words = tag.strip().split("\\s+", 2);
                out.append("<dt><b>")
                        .append(Html.escape(words[0]))
                        .append("</b></dt><dd>")
                        .append(words.length < 2 ? "" : inline(words[1]))
                        .append("</dd>");
            }
            out.append("</dl>");
        }
        return out.toString();
    }

    private static String inline(String text) {
        return text.replaceAll("\\{@(?:code|literal|link|linkplain|value)\\s+([^}]*)}", "<code>$1</code>");
    }

    private static String plain(String javadoc) {
        return javadoc.replaceAll("\\{@\\w+\\s+([^}]*)}", "$1")
                .replaceAll("<[^>]+>", "")
                .strip();
    }
}
