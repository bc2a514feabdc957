package io.tunebook.kernel.notebook;

import io.tunebook.kernel.display.Html;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A terminal's text as HTML: its colours and bold letters, other control sequences left out. */
final class AnsiColours {
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
