package io.tunebook.kernel.notebook;

import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.notebook.CellResult.Verdict;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What is told about a cell that failed, to somebody who sees only the log. */
final class CellAccount {
    private static final String NO_COLOUR = "\\u001b\\[[0-9;]*m";

    private CellAccount() {}

    /**
     * About a cell that raised something.
     *
     * @param count its execution count, by which the trace names it
     */
    static CellResult of(Path file, Notebook.Cell cell, int count, CellException failure, double seconds) {
        StringBuilder trace = new StringBuilder();
        failure.traceback()
                .forEach(line -> trace.append(line.replaceAll(NO_COLOUR, "")).append('\n'));
        String headline = failure.name() + ": " + failure.getMessage();
        String text = head(file, cell, "failed") + "---- output so far\n" + cell.shown() + "---- " + headline + "\n"
                + trace + "\n";
        return new CellResult(
                cell.number(), cell.id(), Verdict.FAILED, seconds, first(headline), text, line(trace, count));
    }

    /** About a cell whose outputs are not the stored ones. */
    static CellResult different(Path file, Notebook.Cell cell, String difference, double seconds) {
        String text =
                head(file, cell, "shows something else than what is stored") + "---- difference\n" + difference + "\n";
        String headline = "the outputs differ from the stored ones: " + first(difference);
        return new CellResult(cell.number(), cell.id(), Verdict.FAILED, seconds, headline, text, 0);
    }

    private static String head(Path file, Notebook.Cell cell, String what) {
        return "\n" + file + ": cell " + cell.number() + (cell.id().isEmpty() ? "" : " (" + cell.id() + ")") + " "
                + what + "\n---- source\n" + cell.source().stripTrailing() + "\n";
    }

    private static String first(String text) {
        return text.lines().findFirst().orElse("");
    }

    private static int line(CharSequence trace, int count) {
        Matcher m = Pattern.compile("Cell\\[" + count + "\\], line (\\d+)").matcher(trace);
        return m.find() ? Integer.parseInt(m.group(1)) : 0;
    }
}
