package io.tunebook.model;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Chooses the size that a batch is padded to. To record a step costs as much as {@value #RECORDING} tokens, to pad a
 * batch costs the padding. So the first sizes are wide apart, and a narrower one comes only when the padding that it
 * would have saved has cost as much as its recording: then the two together cost at most twice what they would if the
 * batches to come had been known. (It is the rule for "ski rental"; A. Karlin et al., Competitive Snoopy Caching,
 * Algorithmica 3, 1988.) The choice follows from the batches that came alone, so a run that is repeated makes the same
 * ones. Knows nothing of graphs.
 */
final class RecordedSizes {
    /**
     * 0.09 s of an H200 with 1.5 billion parameters; larger models compute fewer tokens in that time, and have more
     * layers to record.
     */
    private static final int RECORDING = 8_000;

    /** A batch is never padded to more than so many times its tokens. */
    private static final double MOST_PADDING = 1.3;

    private static final Comparator<Size> LEAST_WORK = Comparator.comparingDouble(Size::work)
            .thenComparingInt(Size::documents)
            .thenComparingInt(Size::longest);

    private final Set<Size> chosen = new HashSet<>();
    private final Map<Size, Double> padding = new HashMap<>();

    /** @param wanted the smallest size that a batch fits in; the size chosen has room for that */
    Size choose(Size wanted) {
        if (wanted.same() > 0 || chosen.contains(wanted)) {
            return wanted;
        }
        Size nearest = chosen.stream()
                .filter(s -> s.holds(wanted) && s.tokens() <= MOST_PADDING * wanted.tokens())
                .min(LEAST_WORK)
                .orElse(null);
        Size now = nearest;
        if (nearest == null) {
            now = wide(wanted);
        } else if (padding.merge(wanted, nearest.work() - wanted.work(), Double::sum) > RECORDING) {
            padding.remove(wanted);
            now = wanted;
        }
        chosen.add(now);
        return now;
    }

    /**
     * A quarter of a power of two apart, with room for a label at every place and for any batch that is padded to it.
     */
    private static Size wide(Size wanted) {
        int step = Math.max(1, Integer.highestOneBit(wanted.tokens()) / 4);
        int tokens = (wanted.tokens() + step - 1) / step * step;
        int longest = wanted.longest() == wanted.tokens() ? tokens : Math.max(wanted.longest(), tokens / 2);
        return new Size(tokens, wanted.documents(), tokens, longest, 0);
    }

    /**
     * What a recording of a step has room for.
     *
     * @param tokens in all documents
     * @param documents so many, empty ones too
     * @param labels so many places whose next token may count
     * @param longest a document may have so many tokens
     * @param same so many documents of one length each; 0 where lengths differ
     */
    record Size(int tokens, int documents, int labels, int longest, int same) {
        /**
         * Whether a batch of that size can be padded to this one: the padding is a document too, and not longer than
         * the longest.
         */
        boolean holds(Size other) {
            return equals(other)
                    || same == 0
                            && other.same == 0
                            && tokens >= other.tokens
                            && documents >= other.documents
                            && labels >= other.labels
                            && longest >= other.longest
                            && longest >= tokens - other.leastTokens();
        }

        /**
         * A batch of this size has at least so many tokens, since no rounding of {@link BatchInputs#tokens} adds more.
         */
        private int leastTokens() {
            return Math.max(0, tokens - Math.max(128, tokens / 8));
        }

        /**
         * The work of a step, in tokens. A label's share, the logits of a vocabulary, is a fifth of a token's for 1.5
         * billion parameters and 150,000 ids, and less for larger models.
         */
        double work() {
            return tokens + labels / 5.0;
        }
    }
}
