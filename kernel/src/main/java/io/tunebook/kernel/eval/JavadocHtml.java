package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.Html;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The HTML of a documentation comment as it may stand in a page. A comment is a stranger's text: only tags that are
 * known to do nothing but format are kept, without attributes, and links to the web; all else is shown as text.
 */
final class JavadocHtml {
    private static final Set<String> KEPT = Set.of(
            "p",
            "br",
            "hr",
            "ul",
            "ol",
            "li",
            "dl",
            "dt",
            "dd",
            "pre",
            "code",
            "tt",
            "var",
            "kbd",
            "samp",
            "em",
            "i",
            "strong",
            "b",
            "u",
            "small",
            "sub",
            "sup",
            "blockquote",
            "table",
            "caption",
            "thead",
            "tbody",
            "tfoot",
            "tr",
            "th",
            "td",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "cite",
            "dfn",
            "q",
            "s",
            "del",
            "ins");

    /**
     * What formats by a language of its own, and comments: gone with all that they hold, to the end where they are not
     * closed.
     */
    private static final Pattern HOLDS = Pattern.compile("(?is)<(script|style)\\b.*?(</\\1\\s*>|\\z)|<!--.*?(-->|\\z)");

    private static final Pattern TAG = Pattern.compile("<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\\s[^<>]*)?)/?>");
    private static final Pattern LINK = Pattern.compile("(?i)\\shref\\s*=\\s*[\"']?(https?://[^\\s\"'<>]+)");
    private static final Pattern ENTITY =
            Pattern.compile("&(?:amp|lt|gt|quot|nbsp|#39|mdash|ndash|hellip|copy|times|le|ge|ne);");

    private JavadocHtml() {}

    static String of(String comment) {
        String html = HOLDS.matcher(comment).replaceAll("");
        StringBuilder out = new StringBuilder();
        Matcher tag = TAG.matcher(html);
        int end = 0;
        while (tag.find()) {
            out.append(text(html.substring(end, tag.start())));
            String name = tag.group(2).toLowerCase(Locale.ROOT);
            Matcher link = LINK.matcher(tag.group(3));
            if (KEPT.contains(name)) {
                out.append('<').append(tag.group(1)).append(name).append('>');
            } else if (name.equals("a") && !tag.group(1).isEmpty()) {
                out.append("</a>");
            } else if (name.equals("a") && link.find()) {
                out.append("<a href=\"").append(Html.escape(link.group(1))).append("\">");
            }
            end = tag.end();
        }
        return out.append(text(html.substring(end))).toString();
    }

    /** Entities stay as they are; what else has a meaning in HTML has none any more. */
    private static String text(String html) {
        StringBuilder out = new StringBuilder();
        Matcher entity = ENTITY.matcher(html);
        int end = 0;
        while (entity.find()) {
            out.append(Html.escape(html.substring(end, entity.start()))).append(entity.group());
            end = entity.end();
        }
        return out.append(Html.escape(html.substring(end))).toString();
    }
}
