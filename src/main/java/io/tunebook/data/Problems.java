package io.tunebook.data;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What a pass with {@link Corpus.OnError#SKIP} left out.
 *
 * @param count how many documents and files
 * @param first where, for the first hundred of them
 */
public record Problems(long count, List<CorpusException> first) {
    static final int LISTED = 100;

    public Problems {
        first = List.copyOf(first);
    }

    @Override
    public String toString() {
        if (count == 0) {
            return "nothing was left out";
        }
        String where =
                first.stream().limit(10).map(e -> "\n  " + e.getMessage()).collect(Collectors.joining());
        return (count == 1
                        ? "1 broken document or file was left out:"
                        : count + " broken documents or files were left out:")
                + where
                + (count > 10 ? "\n  … and " + (count - 10) + " more" : "");
    }
}
