package io.tunebook.hosts;

import java.net.ProtocolException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What must be the same on all hosts: names and values, as text with one of each a line. */
final class Alike {
    private Alike() {}

    static String text(Map<String, String> values) {
        StringBuilder text = new StringBuilder();
        values.forEach((name, value) ->
                text.append(name).append('=').append(value.replace('\n', ' ')).append('\n'));
        return text.toString();
    }

    private static Map<String, String> values(String text) {
        Map<String, String> values = new LinkedHashMap<>();
        text.lines().forEach(line -> {
            int at = line.indexOf('=');
            values.put(line.substring(0, Math.max(0, at)), line.substring(at + 1));
        });
        return values;
    }

    /** @throws ProtocolException if something differs, with the names and both values of all that does */
    static void requireEqual(String host, String there, String here) throws ProtocolException {
        Map<String, String> theirs = values(there);
        Map<String, String> ours = values(here);
        Set<String> names = new TreeSet<>(ours.keySet());
        names.addAll(theirs.keySet());
        StringBuilder differences = new StringBuilder();
        for (String name : names) {
            String their = theirs.getOrDefault(name, "missing");
            String our = ours.getOrDefault(name, "missing");
            if (!their.equals(our)) {
                differences
                        .append(differences.length() == 0 ? "" : "; ")
                        .append(name)
                        .append(" is ")
                        .append(their)
                        .append(" on ")
                        .append(host)
                        .append(", and ")
                        .append(our)
                        .append(" on rank 0");
            }
        }
        if (differences.length() > 0) {
            throw new ProtocolException(differences + ". Set it alike on all hosts");
        }
    }
}
