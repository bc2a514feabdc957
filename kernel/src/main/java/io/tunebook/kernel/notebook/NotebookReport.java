package io.tunebook.kernel.notebook;

import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.notebook.NotebookReport.CellResult.Verdict;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * What became of a notebook. Its JVM writes it after each cell, so that it is there if that JVM dies.
 *
 * @param notebook the file's name
 * @param peakBytes the most memory that the JVM had, native memory included; 0 where the system does not tell
 * @param finished whether the run came to its end, be it a failed cell
 */
record NotebookReport(String notebook, List<CellResult> cells, double seconds, long peakBytes, boolean finished) {
    NotebookReport {
        cells = List.copyOf(cells);
    }

    /** A notebook of which nothing has run. */
    static NotebookReport of(String notebook) {
        return new NotebookReport(notebook, List.of(), 0, 0, false);
    }

    /** The same with one cell more. */
    NotebookReport with(CellResult cell) {
        List<CellResult> all = new ArrayList<>(cells);
        all.add(cell);
        return new NotebookReport(notebook, all, seconds, peakBytes, finished);
    }

    static NotebookReport read(Path file) throws IOException {
        return Notebook.JSON.readValue(Files.readString(file, StandardCharsets.UTF_8), NotebookReport.class);
    }

    void write(Path file) throws IOException {
        AtomicWrite.text(file, Notebook.JSON.writeValueAsString(this));
    }

    long count(Verdict verdict) {
        return cells.stream().filter(c -> c.verdict() == verdict).count();
    }

    /** One line. */
    String summary() {
        long passed = count(Verdict.PASSED);
        long failed = count(Verdict.FAILED);
        long skipped = count(Verdict.SKIPPED);
        return passed
                + (passed == 1 ? " cell passed" : " cells passed")
                + (failed == 0 ? "" : ", " + failed + " failed")
                + (skipped == 0 ? "" : ", " + skipped + " not run")
                + String.format(Locale.ROOT, " in %.1f s", seconds)
                + (peakBytes == 0 ? "" : ", peak memory " + megabytes());
    }

    String megabytes() {
        return peakBytes == 0 ? "" : (peakBytes >> 20) + " MB";
    }

    /**
     * What became of a cell.
     *
     * @param cell its place among all cells, from 1; 0 if this is about the whole notebook
     * @param id the cell's id, may be empty
     * @param headline what went wrong, in one line
     * @param account everything that somebody needs who sees only a log
     * @param line where in the cell it went wrong, from 1; 0 if that is not known
     */
    record CellResult(int cell, String id, Verdict verdict, double seconds, String headline, String account, int line) {
        enum Verdict {
            PASSED,
            /** It raised an exception, timed out, or showed something else than what is stored. */
            FAILED,
            SKIPPED,
            /** Its kernel died, or the notebook could not be read. */
            ERROR
        }

        /** A cell that passed or did not run. */
        static CellResult of(Notebook.Cell cell, Verdict verdict, double seconds, String reason) {
            return new CellResult(cell.number(), cell.id(), verdict, seconds, reason, reason, 0);
        }

        /** Something that is about no cell. */
        static CellResult error(String message) {
            return new CellResult(
                    0, "", Verdict.ERROR, 0, message.lines().findFirst().orElse(""), message, 0);
        }

        /** As messages name it. */
        String name() {
            return cell == 0 ? "notebook" : "cell " + cell + (id.isEmpty() ? "" : " (" + id + ")");
        }
    }

    /** The notebooks of a run with their cells, time and memory. */
    static final class SummaryTable {
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
}
