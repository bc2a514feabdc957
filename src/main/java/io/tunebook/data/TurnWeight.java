package io.tunebook.data;

import java.util.List;
import java.util.Map;

/** Whether a turn counts in the loss, under the names that files use. */
final class TurnWeight {
    static final List<String> NAMES = List.of("weight", "loss_weight", "loss_mask", "train");

    private TurnWeight() {}

    /**
     * 1 for a turn to learn, 0 for one that is only context; the lowest where several names say something.
     *
     * @throws WrongRow if it is anything else: no loss here is weighted by turns
     */
    static int of(Map<?, ?> turn, String where) throws WrongRow {
        int lowest = 1;
        for (String name : NAMES) {
            Object value = turn.get(name);
            if (value == null) {
                continue;
            }
            String text = value.toString().strip().toLowerCase(java.util.Locale.ROOT);
            double weight;
            try {
                weight = text.equals("true") ? 1 : text.equals("false") ? 0 : Double.parseDouble(text);
            } catch (NumberFormatException e) {
                weight = Double.NaN;
            }
            if (weight != 0 && weight != 1) {
                throw new WrongRow(
                        where + "." + name,
                        "expected 0 (not learned) or 1 (learned), found " + value
                                + ": a turn cannot count for a part. Round it, or leave the row out");
            }
            lowest = Math.min(lowest, (int) weight);
        }
        return lowest;
    }
}
