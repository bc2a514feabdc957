package io.tunebook.data;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Renderer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A summary as a table with a histogram of the lengths, in colours that suit a light and a dark page. */
public final class CorpusSummaryRenderer implements Renderer<CorpusSummary> {
    @Override
    public Class<CorpusSummary> type() {
        return CorpusSummary.class;
    }

    @Override
    public MimeBundle render(CorpusSummary summary) {
        List<List<String>> rows = new ArrayList<>();
        summary.toString().lines().forEach(line -> {
            String[] parts = line.split(" +", 2);
            rows.add(List.of(parts));
        });
        return MimeBundle.of(
                MimeBundle.TEXT,
                summary.toString(),
                MimeBundle.HTML,
                "<div>" + Html.table(List.of(), rows, 0) + histogram(summary.histogram()) + "</div>");
    }

    private static String histogram(long[] counts) {
        int first = 0;
        int last = counts.length - 1;
        while (first < last && counts[first] == 0) {
            first++;
        }
        while (last > first && counts[last] == 0) {
            last--;
        }
        long most = 1;
        for (long count : counts) {
            most = Math.max(most, count);
        }
        int bars = last - first + 1;
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg role=\"img\" aria-label=\"Documents by length\" width=\"%d\" height=\"160\" font-size=\"11\" font-family=\"sans-serif\" fill=\"currentColor\">",
                bars * 56 + 10));
        for (int i = first; i <= last; i++) {
            int x = (i - first) * 56 + 5;
            double height = 110.0 * counts[i] / most;
            svg.append(String.format(
                    Locale.ROOT,
                    "<rect x=\"%d\" y=\"%.1f\" width=\"50\" height=\"%.1f\" fill=\"#3b82f6\"><title>%s characters: %,d documents</title></rect>"
                            + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">%,d</text><text x=\"%d\" y=\"142\" text-anchor=\"middle\">%s</text>",
                    x,
                    126 - height,
                    height,
                    range(i),
                    counts[i],
                    x + 25,
                    122 - height,
                    counts[i],
                    x + 25,
                    label(i)));
        }
        return svg.append("<text x=\"5\" y=\"157\">characters in a document</text></svg>")
                .toString();
    }

    private static String range(int bin) {
        return bin < 2 ? String.valueOf(bin) : (1L << bin - 1) + "–" + ((1L << bin) - 1);
    }

    private static String label(int bin) {
        if (bin == 0) {
            return "0";
        }
        long from = 1L << bin - 1;
        return from >= 1 << 20 ? (from >> 20) + "M+" : from >= 1024 ? (from >> 10) + "k+" : from + "+";
    }
}
