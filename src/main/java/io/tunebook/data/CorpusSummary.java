package io.tunebook.data;

import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Renderer;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tech.tablesaw.api.IntColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * What one pass over a corpus found. In a notebook it is shown with a chart of the lengths.
 *
 * @param documents their number
 * @param characters the code points of all texts
 * @param empty documents whose text is empty or blank
 * @param duplicates documents whose text has come before, not counting empty ones
 * @param duplicatesSampledFrom 1 if {@code duplicates} is exact; n if it was estimated from every n-th different text,
 *     as it is in a corpus of millions, to keep memory flat
 * @param quantiles the length in code points below which a share of the documents lies: keys 0, 0.05, 0.25, 0.5, 0.75,
 *     0.95 and 1; within 1 % above 1,024
 * @param languages language (ISO 639-1, {@code und} if unknown) to number of documents, the most frequent first
 * @param histogram how many documents have 0, 1, 2–3, 4–7, 8–15 … code points
 */
public record CorpusSummary(
        long documents,
        long characters,
        long empty,
        long duplicates,
        int duplicatesSampledFrom,
        Map<Double, Long> quantiles,
        Map<String, Long> languages,
        long[] histogram) {

    @Override
    public String toString() {
        String lengths = quantiles.entrySet().stream()
                .map(e -> String.format(Locale.ROOT, "%.0f%% %,d", e.getKey() * 100, e.getValue()))
                .collect(Collectors.joining(", "));
        String found = languages.entrySet().stream()
                .map(e -> String.format(Locale.ROOT, "%s %,d", e.getKey(), e.getValue()))
                .collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT,
                "documents   %,d%ncharacters  %,d%nempty       %,d%nduplicates  %s%,d%nlengths     %s%nlanguages   %s",
                documents,
                characters,
                empty,
                duplicatesSampledFrom > 1 ? "about " : "",
                duplicates,
                lengths,
                found);
    }

    /** Gathers the figures in memory that does not grow with the corpus. */
    static final class Collector {
        private static final double[] SHARES = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
        private static final int EXACT = 1024;
        private static final int STEPS = 128;
        private static final int MOST_TEXTS = 1 << 20;

        private final long[] lengths = new long[EXACT + 22 * STEPS];
        private final long[] histogram = new long[33];
        private final Map<String, Long> languages = new LinkedHashMap<>();
        private LongOpenHashSet texts = new LongOpenHashSet();
        private long repeated;
        private int sampledFrom = 1;
        private long documents;
        private long characters;
        private long empty;
        private long shortest = Long.MAX_VALUE;
        private long longest;

        void add(Document document) {
            int length = document.length();
            documents++;
            characters += length;
            lengths[bucket(length)]++;
            histogram[32 - Integer.numberOfLeadingZeros(length)]++;
            shortest = Math.min(shortest, length);
            longest = Math.max(longest, length);
            if (document.content().isBlank()) {
                empty++;
                return;
            }
            languages.merge(Language.of(document.content()), 1L, Long::sum);
            long hash = MinHash.hash(document.content());
            if ((hash & sampledFrom - 1) == 0 && !texts.add(hash)) {
                repeated++;
            }
            if (texts.size() > MOST_TEXTS) {
                halve();
            }
        }

        /** From now on only half of the texts are watched, chosen by their hashes; what was counted is halved too. */
        private void halve() {
            sampledFrom *= 2;
            LongOpenHashSet fewer = new LongOpenHashSet();
            texts.forEach(hash -> {
                if ((hash & sampledFrom - 1) == 0) {
                    fewer.add(hash);
                }
            });
            texts = fewer;
            repeated /= 2;
        }

        /** Up to 1,024 every length for itself, then 128 steps for each doubling. */
        private static int bucket(int length) {
            if (length < EXACT) {
                return length;
            }
            int doubling = 31 - Integer.numberOfLeadingZeros(length) - 10;
            return EXACT + doubling * STEPS + ((length >>> doubling + 3) - STEPS);
        }

        private static long lengthOf(int bucket) {
            if (bucket < EXACT) {
                return bucket;
            }
            int doubling = (bucket - EXACT) / STEPS;
            return (long) ((bucket - EXACT) % STEPS + STEPS) << doubling + 3;
        }

        CorpusSummary summary() {
            Map<Double, Long> quantiles = new LinkedHashMap<>();
            if (documents > 0) {
                for (double share : SHARES) {
                    quantiles.put(share, quantile(share));
                }
            }
            Map<String, Long> sorted = languages.entrySet().stream()
                    .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                    .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue, (a, b) -> a, LinkedHashMap::new));
            return new CorpusSummary(
                    documents,
                    characters,
                    empty,
                    repeated * sampledFrom,
                    sampledFrom,
                    Collections.unmodifiableMap(quantiles),
                    Collections.unmodifiableMap(sorted),
                    histogram.clone());
        }

        private long quantile(double share) {
            if (share == 0) {
                return shortest;
            }
            if (share == 1) {
                return longest;
            }
            long rank = (long) Math.ceil(share * documents);
            long seen = 0;
            int bucket = -1;
            while (seen < rank) {
                seen += lengths[++bucket];
            }
            return Math.max(shortest, Math.min(longest, lengthOf(bucket)));
        }
    }

    /** A summary as a table with a histogram of the lengths, in colours that suit a light and a dark page. */
    public static final class View implements Renderer<CorpusSummary> {
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
}
