package io.tunebook.prepare;

import io.tunebook.data.Cleaning;
import io.tunebook.data.Language;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

/** The steps that look at one document alone, with their counts and some of what they removed. For one thread. */
final class DocumentSteps {
    private static final int EXAMPLES = 3;
    private static final int SHOWN = 160;

    /**
     * @param change null removes a text; what is the same object is unchanged
     */
    private record Step(String name, Function<TextFigures, String> change) {}

    private final List<Step> steps = new ArrayList<>();
    private final long[][] counts;
    private final int[] shown;
    private final ArrayList<UnitReport.Removed> examples = new ArrayList<>();

    DocumentSteps(PrepareOptions options) {
        if (options.isNormalized()) {
            steps.add(new Step("normalize", t -> {
                String clean = Cleaning.normalized(t.text());
                return clean.equals(t.text()) ? t.text() : clean;
            }));
        }
        steps.add(new Step("length " + options.shortest() + " to " + options.longest(), t -> {
            int length = t.text().codePointCount(0, t.text().length());
            return length >= options.shortest() && length <= options.longest() ? t.text() : null;
        }));
        if (!options.languages().isEmpty()) {
            Set<String> wanted = Set.copyOf(options.languages());
            keep("language " + String.join(", ", options.languages()), t -> wanted.contains(Language.of(t.text())));
        }
        for (QualityRule rule : options.quality()) {
            keep("quality " + rule.name(), rule::keeps);
        }
        if (options.evaluation() != null) {
            keep("evaluation set", t -> !options.evaluation().isIn(t.text()));
        }
        counts = new long[steps.size()][3];
        shown = new int[steps.size()];
    }

    private void keep(String name, java.util.function.Predicate<TextFigures> kept) {
        steps.add(new Step(name, t -> kept.test(t) ? t.text() : null));
    }

    /** The text as the steps leave it; null if one removes it. */
    String apply(String text, Supplier<String> where) {
        TextFigures current = new TextFigures(text);
        for (int i = 0; i < counts.length; i++) {
            counts[i][0]++;
            String next = steps.get(i).change().apply(current);
            if (next == null) {
                counts[i][2]++;
                if (shown[i]++ < EXAMPLES) {
                    examples.add(
                            new UnitReport.Removed(steps.get(i).name(), where.get(), beginning(current.text()), ""));
                }
                return null;
            }
            if (next != current.text()) {
                counts[i][1]++;
                current = new TextFigures(next);
            }
        }
        return current.text();
    }

    static String beginning(String text) {
        return text.codePointCount(0, text.length()) <= SHOWN
                ? text
                : text.substring(0, text.offsetByCodePoints(0, SHOWN)) + "…";
    }

    ArrayList<UnitReport.StepCount> counts() {
        ArrayList<UnitReport.StepCount> all = new ArrayList<>();
        for (int i = 0; i < counts.length; i++) {
            all.add(new UnitReport.StepCount(steps.get(i).name(), counts[i][0], counts[i][1], counts[i][2]));
        }
        return all;
    }

    ArrayList<UnitReport.Removed> examples() {
        return examples;
    }
}
