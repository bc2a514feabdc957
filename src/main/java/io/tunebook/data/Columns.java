package io.tunebook.data;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Other names for the fields of a row, given by the one who knows the file. */
@FunctionalInterface
interface Columns {
    /** Fields that mean the same under every name of the others. */
    Set<String> KEPT = Set.of("tools", "system", "label", "id");

    /**
     * The row under the names that are known here.
     *
     * @return null to leave the row out
     * @throws WrongRow if it lacks a field
     */
    Map<String, Object> apply(Map<String, Object> row) throws WrongRow;

    /** Takes these fields alone, besides those that mean the same everywhere: none is taken for an answer by chance. */
    static Columns named(Map<String, String> names) {
        Map<String, String> known = new LinkedHashMap<>(names);
        return row -> {
            Map<String, Object> renamed = new LinkedHashMap<>();
            for (Map.Entry<String, String> name : known.entrySet()) {
                if (!row.containsKey(name.getValue())) {
                    throw new WrongRow(
                            "columns",
                            "expected a field \"" + name.getValue() + "\" for " + name.getKey() + ", found "
                                    + row.keySet());
                }
                renamed.put(name.getKey(), row.get(name.getValue()));
            }
            for (String same : KEPT) {
                if (row.containsKey(same) && !known.containsValue(same)) {
                    renamed.putIfAbsent(same, row.get(same));
                }
            }
            return renamed;
        };
    }
}
