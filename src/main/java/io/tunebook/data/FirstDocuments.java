package io.tunebook.data;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tech.tablesaw.api.IntColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/** The first documents of a corpus, to look at. */
record FirstDocuments(List<Document> documents) {
    private static final int SHOWN = 240;

    static FirstDocuments of(Corpus corpus, int count) {
        List<Document> first = new ArrayList<>();
        corpus.take(count).forEach(first::add);
        return new FirstDocuments(first);
    }

    /** Title, kind and the beginning of the text. */
    MimeBundle view() {
        StringBuilder text = new StringBuilder();
        StringBuilder html = new StringBuilder();
        for (int i = 0; i < documents.size(); i++) {
            Document d = documents.get(i);
            String head = (i + 1) + ". " + (d.title().isEmpty() ? d.id() : d.title());
            String about = (d.dataType().isEmpty() ? "" : d.dataType() + ", ")
                    + String.format(Locale.ROOT, "%,d characters", d.length());
            String beginning = beginning(d.content());
            text.append(i == 0 ? "" : "\n\n")
                    .append(head)
                    .append(" (")
                    .append(about)
                    .append(")\n")
                    .append(beginning);
            html.append("<p><b>")
                    .append(Html.escape(head))
                    .append("</b> <small>")
                    .append(Html.escape(about))
                    .append("</small><br>")
                    .append(Html.escape(beginning).replace("\n", "<br>"))
                    .append("</p>");
        }
        return documents.isEmpty()
                ? MimeBundle.of(MimeBundle.TEXT, "no documents")
                : MimeBundle.of(MimeBundle.TEXT, text.toString(), MimeBundle.HTML, html.toString());
    }

    private static String beginning(String text) {
        return text.codePointCount(0, text.length()) <= SHOWN
                ? text
                : text.substring(0, text.offsetByCodePoints(0, SHOWN)) + "…";
    }

    /** The columns {@code id, dataType, title, characters, content}. */
    Table table() {
        StringColumn id = StringColumn.create("id");
        StringColumn dataType = StringColumn.create("dataType");
        StringColumn title = StringColumn.create("title");
        IntColumn characters = IntColumn.create("characters");
        StringColumn content = StringColumn.create("content");
        for (Document d : documents) {
            id.append(d.id());
            dataType.append(d.dataType());
            title.append(d.title());
            characters.append(d.length());
            content.append(d.content());
        }
        return Table.create("documents", id, dataType, title, characters, content);
    }
}
