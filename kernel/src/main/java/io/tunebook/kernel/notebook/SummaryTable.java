package io.tunebook.kernel.notebook;

import io.tunebook.kernel.notebook.CellResult.Verdict;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** The notebooks of a run with their cells, time and memory. */
final class SummaryTable {
    private static final List<String> HEADER =
            List.of("notebook", "passed", "failed", "not run", "seconds", "peak memory", "slowest cell");

    private SummaryTable() {}

    /** As text in columns. */
    static String of(List<NotebookReport> reports) {
        List<List<String>> rows = rows(reports);
        StringBuilder out = new StringBuilder("\n");
        for (List<String> row : rows) {
            for (int c = 0; c < row.size(); c++) {
                int column = c;
                int width = rows.stream()
                        .mapToInt(r -> r.get(column).length())
                        .max()
                        .orElse(0);
                String blank = " ".repeat(width - row.get(c).length());
                boolean words = c == 0 || c == row.size() - 1;
                out.append(words ? row.get(c) + blank : blank + row.get(c)).append("  ");
            }
            out.setLength(out.toString().stripTrailing().length());
            out.append('\n');
        }
        return out.toString();
    }

    /** As Markdown. */
    static String markdown(List<NotebookReport> reports) {
        List<List<String>> rows = new ArrayList<>(rows(reports));
        rows.add(1, HEADER.stream().map(h -> "---").toList());
        StringBuilder out = new StringBuilder();
        rows.forEach(row -> out.append("| ")
                .append(String.join(
                        " | ", row.stream().map(c -> c.replace("|", "\\|")).toList()))
                .append(" |\n"));
        return out.toString();
    }

    private static List<List<String>> rows(List<NotebookReport> reports) {
        List<List<String>> rows = new ArrayList<>(List.of(HEADER));
        for (NotebookReport r : reports) {
            rows.add(List.of(
                    r.notebook(),
                    Long.toString(r.count(Verdict.PASSED)),
                    r.count(Verdict.ERROR) > 0 ? "error" : Long.toString(r.count(Verdict.FAILED)),
                    Long.toString(r.count(Verdict.SKIPPED)),
                    String.format(Locale.ROOT, "%.1f", r.seconds()),
                    r.megabytes(),
                    r.cells().stream()
                            .filter(c -> c.seconds() > 0)
                            .max(Comparator.comparingDouble(CellResult::seconds))
                            .map(c -> String.format(Locale.ROOT, "%s, %.1f s", c.name(), c.seconds()))
                            .orElse("")));
        }
        return rows;
    }
}
