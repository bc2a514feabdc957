package io.tunebook.kernel.notebook;

import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a cell's tags and comments say about comparing its outputs, under nbval's names. A comment,
 * {@code // NBVAL_IGNORE_OUTPUT}, wins over a tag, {@code nbval-ignore-output}. Two tags are our own:
 * {@code check-tolerance-0.1} lets this cell's numbers differ by that part, and {@code check-words} by anything, so
 * that only what stands between them counts.
 *
 * @see <a href="https://nbval.readthedocs.io/en/latest/#Tags">nbval, tags</a>
 */
final class CellMarkers {
    private static final Map<String, Consumer<CellMarkers>> KNOWN = Map.of(
            "nbval-ignore-output", m -> m.check = false,
            "pytest-validate-ignore-output", m -> m.check = false,
            "nbval-check-output", m -> m.check = true,
            "nbval-raises-exception", m -> m.raises = true,
            "nbval-skip", m -> m.skip = true,
            "check-words", m -> m.tolerance = OptionalDouble.of(Double.POSITIVE_INFINITY));
    private static final Pattern TOLERANCE = Pattern.compile("check-tolerance-(\\d+(?:\\.\\d+)?)");

    private OptionalDouble tolerance = OptionalDouble.empty();
    private boolean check = true;
    private boolean raises;
    private boolean skip;

    private CellMarkers() {}

    static CellMarkers of(Notebook.Cell cell) {
        CellMarkers markers = new CellMarkers();
        cell.metadata().path("tags").forEach(tag -> markers.read(tag.asText()));
        cell.source()
                .lines()
                .map(String::strip)
                .filter(line -> line.startsWith("//"))
                .map(line -> line.replaceFirst("^/+", "").strip())
                .filter(word -> word.equals(word.toUpperCase(Locale.ROOT)))
                .forEach(word -> markers.read(word.toLowerCase(Locale.ROOT).replace('_', '-')));
        return markers;
    }

    private void read(String name) {
        KNOWN.getOrDefault(name, m -> {}).accept(this);
        Matcher given = TOLERANCE.matcher(name);
        if (given.matches()) {
            tolerance = OptionalDouble.of(Double.parseDouble(given.group(1)));
        }
    }

    /**
     * By which part of them its numbers may differ, infinity for any number; empty where the command's tolerance
     * counts.
     */
    OptionalDouble tolerance() {
        return tolerance;
    }

    /** Whether its outputs are compared. */
    boolean check() {
        return check;
    }

    /** Whether it must raise an exception. */
    boolean raises() {
        return raises;
    }

    /** Whether it does not run. */
    boolean skip() {
        return skip;
    }
}
