package io.tunebook.tokenizer;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;

/**
 * Pictures of how a text falls into tokens: coloured pieces with ids on hover, or a table. What is shown is escaped,
 * and its colours are see-through, so they suit a light and a dark notebook.
 */
public final class TokenView {
    private static final int[] HUES = {210, 30, 130, 330, 60, 270};

    private TokenView() {}

    /** A text as coloured pieces; hovering over one tells its id, its token and its place. */
    public static MimeBundle of(Tokenizer tokenizer, String text) {
        Encoding encoding = tokenizer.encode(text);
        int characters = text.codePointCount(0, text.length());
        String count = String.format(
                Locale.ROOT,
                "%,d tokens, %,d characters, %.2f characters a token",
                encoding.length(),
                characters,
                encoding.length() == 0 ? 0.0 : (double) characters / encoding.length());
        return pieces(tokenizer, encoding, text, null, count);
    }

    /** A conversation as pieces: coloured what the assistant says, which training learns, pale what it only reads. */
    public static MimeBundle of(Tokenizer tokenizer, ChatTemplate.Encoded conversation) {
        Encoding encoding = tokenizer.encode(conversation.text(), false);
        int learned = 0;
        for (boolean assistant : conversation.assistant()) {
            learned += assistant ? 1 : 0;
        }
        String count =
                String.format(Locale.ROOT, "%,d tokens, %,d of them the assistant's", encoding.length(), learned);
        return pieces(tokenizer, encoding, conversation.text(), conversation.assistant(), count);
    }

    /** @param learned for each token whether it is to stand out; null for a colour to each */
    private static MimeBundle pieces(
            Tokenizer tokenizer, Encoding encoding, String text, boolean[] learned, String count) {
        StringBuilder html =
                new StringBuilder("<div style=\"line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere;"
                        + "font-family:var(--jp-code-font-family,monospace)\">");
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < encoding.length(); i++) {
            int id = encoding.ids()[i];
            String piece = piece(encoding, i, text);
            String hover =
                    "id " + id + " · token " + i + " · " + encoding.tokens().get(i)
                            + (encoding.starts()[i] < encoding.ends()[i]
                                    ? " · characters " + encoding.starts()[i] + " to " + encoding.ends()[i]
                                    : "");
            html.append("<span title=\"").append(Html.escape(hover)).append("\" style=\"");
            if (learned != null && !learned[i]) {
                html.append("opacity:.55;");
            } else if (learned == null && tokenizer.isSpecial(id)) {
                html.append("border:1px solid currentColor;opacity:.7;");
            } else {
                html.append("background:hsla(").append(HUES[i % HUES.length]).append(",80%,50%,.28);");
            }
            html.append("border-radius:3px;padding:2px 0\">").append(Html.escape(visible(piece)));
            html.append("</span>").append(piece.contains("\n") ? "\n" : "");
            plain.append(i == 0 ? "" : "|");
            plain.append(learned != null && learned[i] ? "[" + piece + "]" : piece);
        }
        html.append("</div><div style=\"opacity:.7;font-size:90%\">")
                .append(Html.escape(count))
                .append("</div>");
        return MimeBundle.of(MimeBundle.HTML, html.toString(), MimeBundle.TEXT, plain + "\n" + count);
    }

    /** A text's tokens as a table: number, id, token as the vocabulary writes it, text, place. */
    public static MimeBundle table(Tokenizer tokenizer, String text) {
        Encoding encoding = tokenizer.encode(text);
        StringBuilder html = new StringBuilder("<table><thead><tr>");
        for (String head : new String[] {"", "id", "token", "text", "from", "to"}) {
            html.append("<th>").append(head).append("</th>");
        }
        html.append("</tr></thead><tbody>");
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < encoding.length(); i++) {
            String[] cells = {
                Integer.toString(i),
                Integer.toString(encoding.ids()[i]),
                encoding.tokens().get(i),
                visible(piece(encoding, i, text)),
                Integer.toString(encoding.starts()[i]),
                Integer.toString(encoding.ends()[i])
            };
            html.append("<tr>");
            for (String cell : cells) {
                html.append("<td style=\"white-space:pre\">")
                        .append(Html.escape(cell))
                        .append("</td>");
            }
            html.append("</tr>");
            plain.append(String.join("\t", cells)).append('\n');
        }
        html.append("</tbody></table>");
        return MimeBundle.of(MimeBundle.HTML, html.toString(), MimeBundle.TEXT, plain.toString());
    }

    /** The text a token stands for; a character that several tokens share is shown at the first of them. */
    private static String piece(Encoding encoding, int i, String text) {
        int start = encoding.starts()[i];
        int end = encoding.ends()[i];
        if (start >= end) {
            return encoding.tokens().get(i);
        }
        return i > 0 && encoding.starts()[i - 1] < encoding.ends()[i - 1] && start < encoding.ends()[i - 1]
                ? "…" + text.substring(Math.min(encoding.ends()[i - 1], end), end)
                : text.substring(start, end);
    }

    private static String visible(String piece) {
        StringBuilder out = new StringBuilder();
        for (char c : piece.toCharArray()) {
            out.append(c == '\n' ? "↵" : c == '\t' ? "⇥" : c < ' ' || c == 0x7f ? "\uFFFD" : Character.toString(c));
        }
        return out.toString();
    }
}
