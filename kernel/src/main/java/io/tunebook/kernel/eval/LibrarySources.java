package io.tunebook.kernel.eval;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/** Finds the {@code -sources.jar} of a library, for its help. */
public final class LibrarySources {
    private volatile Function<Path, Optional<Path>> finder = jar -> Optional.empty();

    /** Whoever knows where jars come from finds their sources; called when somebody asks for help. */
    public void findBy(Function<Path, Optional<Path>> how) {
        finder = how;
    }

    /** Puts something around the search, which may use the network. */
    public void around(UnaryOperator<Function<Path, Optional<Path>>> around) {
        finder = around.apply(finder);
    }

    /** The sources of a jar on the class path: beside it, or from where the jar came. */
    Optional<Path> of(Path jar) {
        Path beside = Path.of(jar.toString().replaceFirst("\\.jar$", "-sources.jar"));
        return !beside.equals(jar) && Files.isRegularFile(beside) ? Optional.of(beside) : finder.apply(jar);
    }
}
