package io.tunebook.kernel.notebook;

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
