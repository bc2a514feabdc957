package io.tunebook.model;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Chooses the size that a batch is padded to. To record a step costs as much as {@value #RECORDING} tokens, to pad a batch costs the padding. So the first
 * sizes are wide apart, and a narrower one comes only when the padding that it would have saved has cost as much as its recording: then the two together
 * cost at most twice what they would if the batches to come had been known. (It is the rule for "ski rental"; A. Karlin et al., Competitive Snoopy Caching,
 * Algorithmica 3, 1988.) The choice follows from the batches that came alone, so a run that is repeated makes the same ones. Knows nothing of graphs.
 */
final class RecordedSizes {
    /** 0.09 s of an H200 with 1.5 billion parameters; larger models compute fewer tokens in that time, and have more layers to record. */
    private static final int RECORDING = 8_000;

    /** A batch is never padded to more than so many times its tokens. */
    private static final double MOST_PADDING = 1.3;

    private static final Comparator<RecordedSize> LEAST_WORK = Comparator.comparingDouble(RecordedSize::work)
            .thenComparingInt(RecordedSize::documents)
            .thenComparingInt(RecordedSize::longest);

    private final Set<RecordedSize> chosen = new HashSet<>();
    private final Map<RecordedSize, Double> padding = new HashMap<>();

    /** @param wanted the smallest size that a batch fits in; the size chosen has room for that */
    RecordedSize choose(RecordedSize wanted) {
        if (wanted.same() > 0 || chosen.contains(wanted)) {
            return wanted;
        }
        RecordedSize nearest = chosen.stream()
                .filter(s -> s.holds(wanted) && s.tokens() <= MOST_PADDING * wanted.tokens())
                .min(LEAST_WORK)
                .orElse(null);
        RecordedSize now = nearest;
        if (nearest == null) {
            now = wide(wanted);
        } else if (padding.merge(wanted, nearest.work() - wanted.work(), Double::sum) > RECORDING) {
            padding.remove(wanted);
            now = wanted;
        }
        chosen.add(now);
        return now;
    }

    /** A quarter of a power of two apart, with room for a label at every place and for any batch that is padded to it. */
    private static RecordedSize wide(RecordedSize wanted) {
        int step = Math.max(1, Integer.highestOneBit(wanted.tokens()) / 4);
        int tokens = (wanted.tokens() + step - 1) / step * step;
        int longest = wanted.longest() == wanted.tokens() ? tokens : Math.max(wanted.longest(), tokens / 2);
        return new RecordedSize(tokens, wanted.documents(), tokens, longest, 0);
    }
}
