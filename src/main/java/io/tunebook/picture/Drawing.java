package io.tunebook.picture;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.util.Locale;
import java.util.Map;

/**
 * A flat drawing, built from boxes, arrows, text and grids. It lies on a card of its own with dark ink, so that it can
 * be read on a light page, on a dark one and in print: JupyterLab shows SVG as an image, which does not know the page's
 * colours. Units are pixels of the drawing; y grows downwards.
 */
final class Drawing {
    /** What a shape's colours say: the pale fill and the strong line that goes with it. */
    enum Tone {
        PLAIN("#f3f4f6", "#9ca3af"),
        BLUE("#dbeafe", "#2563eb"),
        ORANGE("#ffedd5", "#ea580c"),
        GREEN("#d1fae5", "#059669"),
        PURPLE("#f3e8ff", "#9333ea"),
        RED("#fee2e2", "#dc2626");

        final String fill;
        final String line;

        Tone(String fill, String line) {
            this.fill = fill;
            this.line = line;
        }
    }

    /** Where a text stands relative to its point. */
    enum Anchor {
        START,
        MIDDLE,
        END
    }

    static final String INK = "#1f2937";
    static final String PALE_INK = "#4b5563";
    private static final double SMALLEST = 8;

    private final int width;
    private final int height;
    private final StringBuilder body = new StringBuilder();

    /** An empty card. */
    Drawing(int width, int height) {
        this.width = width;
        this.height = height;
    }

    /** A box with rounded corners and lines of text in its middle, set smaller where they are too wide. */
    Drawing box(double x, double y, double w, double h, Tone tone, String... lines) {
        rect(x, y, w, h, 6, tone.fill, tone.line);
        double size = 13;
        for (String line : lines) {
            size = Math.min(size, Math.max(SMALLEST, 13 * (w - 8) / Math.max(1, textWidth(line, 13))));
        }
        double step = size * 1.3;
        double first = y + h / 2 - step * (lines.length - 1) / 2 + size * 0.35;
        for (int i = 0; i < lines.length; i++) {
            text(x + w / 2, first + i * step, size, Anchor.MIDDLE, INK, i == 0 && lines.length > 1, lines[i]);
        }
        return this;
    }

    /** A square of a grid: no rounded corners, one short text in the middle. */
    Drawing cell(double x, double y, double w, double h, Tone tone, String text) {
        rect(x, y, w, h, 0, tone.fill, tone.line);
        double size = Math.min(12, Math.max(SMALLEST, 12 * (w - 4) / Math.max(1, textWidth(text, 12))));
        return text(x + w / 2, y + h / 2 + size * 0.35, size, Anchor.MIDDLE, INK, false, text);
    }

    /**
     * A square of a grid, filled the stronger the nearer its share is to 1.
     *
     * @param share between 0 and 1
     */
    Drawing shade(double x, double y, double w, double h, Tone tone, double share) {
        return add(String.format(
                Locale.ROOT,
                "<rect x='%s' y='%s' width='%s' height='%s' fill='%s' fill-opacity='%.3f' stroke='#d1d5db'/>",
                n(x),
                n(y),
                n(w),
                n(h),
                tone.line,
                Math.max(0, Math.min(1, share))));
    }

    /** A bar without a text. */
    Drawing bar(double x, double y, double w, double h, Tone tone) {
        return rect(x, y, Math.max(0, w), h, 2, tone.line, "none");
    }

    /** A straight arrow, with its point at the second end. */
    Drawing arrow(double x1, double y1, double x2, double y2) {
        return line(x1, y1, x2, y2, PALE_INK, true);
    }

    /** A thin line. */
    Drawing line(double x1, double y1, double x2, double y2) {
        return line(x1, y1, x2, y2, "#9ca3af", false);
    }

    /** A curve through points, such as a loss. */
    Drawing curve(Tone tone, double[] x, double[] y) {
        StringBuilder points = new StringBuilder();
        for (int i = 0; i < x.length; i++) {
            points.append(i == 0 ? "" : " ").append(n(x[i])).append(',').append(n(y[i]));
        }
        return add("<polyline points='" + points + "' fill='none' stroke='" + tone.line
                + "' stroke-width='2.5' stroke-linejoin='round'/>");
    }

    /** A text of the usual size that begins at x. */
    Drawing text(double x, double y, String text) {
        return text(x, y, 13, Anchor.START, INK, false, text);
    }

    /** A smaller, paler text: what stands beside or under a thing. */
    Drawing note(double x, double y, Anchor anchor, String text) {
        return text(x, y, 11, anchor, PALE_INK, false, text);
    }

    /** A text in bold, for the head of a part. */
    Drawing head(double x, double y, Anchor anchor, String text) {
        return text(x, y, 14, anchor, INK, true, text);
    }

    /**
     * A text.
     *
     * @param y of its base line
     */
    Drawing text(double x, double y, double size, Anchor anchor, String ink, boolean bold, String text) {
        return add("<text x='" + n(x) + "' y='" + n(y) + "' font-size='" + n(size) + "' fill='" + ink
                + "' text-anchor='" + anchor.name().toLowerCase(Locale.ROOT) + "'"
                + (bold ? " font-weight='600'" : "") + ">" + escape(text) + "</text>");
    }

    /**
     * About how wide a text is: a Chinese character is as wide as it is high, a Latin letter a little more than half of
     * that.
     */
    static double textWidth(String text, double size) {
        return text.codePoints()
                .mapToDouble(c -> c >= 0x2e80 ? size : size * 0.56)
                .sum();
    }

    /** The first part of a text that is not wider than this, with an ellipsis where something is missing. */
    static String cut(String text, double size, double width) {
        if (textWidth(text, size) <= width) {
            return text;
        }
        int end = text.length();
        while (end > 0 && textWidth(text.substring(0, end) + "…", size) > width) {
            end = text.offsetByCodePoints(end, -1);
        }
        return text.substring(0, end) + "…";
    }

    /**
     * The picture for a notebook.
     *
     * @param title what it is, in a few words
     * @param description what one sees, for those who do not see it
     */
    MimeBundle bundle(String title, String description) {
        String svg = "<svg xmlns='http://www.w3.org/2000/svg' width='" + width + "' height='" + height
                + "' viewBox='0 0 " + width + " " + height + "' role='img' aria-label='" + escape(title)
                + "' font-family='system-ui, -apple-system, \"Segoe UI\", \"Noto Sans\", \"Noto Sans CJK SC\","
                + " \"Microsoft YaHei\", \"PingFang SC\", sans-serif'>\n<title>" + escape(title) + "</title>\n<desc>"
                + escape(description) + "</desc>\n<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5'"
                + " markerWidth='7' markerHeight='7' orient='auto-start-reverse'><path d='M0,0 L10,5 L0,10 z' fill='"
                + PALE_INK + "'/></marker></defs>\n<rect x='0.5' y='0.5' width='" + (width - 1) + "' height='"
                + (height - 1) + "' rx='8' fill='#fdfdfe' stroke='#d1d5db'/>\n" + body + "</svg>\n";
        return MimeBundle.of(MimeBundle.SVG, svg, MimeBundle.TEXT, title + ": " + description)
                .withMetadata(MimeBundle.SVG, Map.of("alt", title + ": " + description));
    }

    private Drawing line(double x1, double y1, double x2, double y2, String ink, boolean tip) {
        return add("<line x1='" + n(x1) + "' y1='" + n(y1) + "' x2='" + n(x2) + "' y2='" + n(y2) + "' stroke='" + ink
                + "' stroke-width='1.5'" + (tip ? " marker-end='url(#tip)'" : "") + "/>");
    }

    private Drawing rect(double x, double y, double w, double h, double round, String fill, String line) {
        return add("<rect x='" + n(x) + "' y='" + n(y) + "' width='" + n(w) + "' height='" + n(h) + "' rx='" + n(round)
                + "' fill='" + fill + "' stroke='" + line + "'/>");
    }

    private Drawing add(String element) {
        body.append(element).append('\n');
        return this;
    }

    /** At most one digit after the point, and no point where there is none. */
    private static String n(double v) {
        return v == Math.rint(v) ? String.valueOf((long) v) : String.format(Locale.ROOT, "%.1f", v);
    }

    /** As XML wants it: characters that XML does not allow are shown as the replacement character. */
    private static String escape(String text) {
        StringBuilder allowed = new StringBuilder();
        text.codePoints()
                .map(c -> c < 0x20 || c >= 0xd800 && c < 0xe000 || c == 0xfffe || c == 0xffff ? 0xfffd : c)
                .forEach(allowed::appendCodePoint);
        return Html.escape(allowed.toString()).replace("'", "&#39;");
    }
}
