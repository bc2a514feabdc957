package io.tunebook.kernel.eval;

import java.util.List;
import java.util.Optional;

/** What a session does with a cell's text beside Java: its magics. */
public interface Commands {
    /**
     * Runs a cell, with its magics.
     *
     * @param number its execution count
     * @return the value of its last expression, or of its magic
     * @throws CellException if Java or a magic fails
     */
    Optional<CellEvaluator.Result> execute(String cell, int number) throws CellException;

    /**
     * Runs a magic.
     *
     * @param name with its percent signs
     * @param body the lines below, for a cell's magic; else empty
     * @return its value, which may be null
     * @throws CellException if it fails, or there is none of this name
     */
    Object call(String name, List<String> arguments, String body) throws CellException;
}
