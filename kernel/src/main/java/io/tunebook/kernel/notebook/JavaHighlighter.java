package io.tunebook.kernel.notebook;

import io.tunebook.kernel.display.Html;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Java's source in colours. */
final class JavaHighlighter {
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
            String kind =
                    CLASSES.stream().filter(c -> m.group(c) != null).findFirst().orElseThrow();
            out.append("<span class=\"" + kind + "\">" + Html.escape(m.group()) + "</span>");
            from = m.end();
        }
        return out.append(Html.escape(source.substring(from))).toString();
    }
}
