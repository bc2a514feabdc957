package io.tunebook.kernel.notebook;

import io.tunebook.kernel.notebook.CellResult.Verdict;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
        AtomicFile.write(file, Notebook.JSON.writeValueAsString(this));
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
}
