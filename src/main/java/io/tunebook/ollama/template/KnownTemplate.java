package io.tunebook.ollama.template;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One of the templates that Ollama has built in. A server that is given a GGUF file without a template takes the one
 * whose Jinja counterpart is nearest to the file's own chat template, with its stop words; a file that is near none
 * keeps its own. The table and the templates' texts are Ollama's ({@code template/index.json} of 0.34.1, under the MIT
 * licence, which lies beside them).
 *
 * @param name Ollama's name for it, such as {@code chatml}
 * @param text the template in Go's syntax
 * @param stop what ends an answer; empty for nothing but the model's own end
 */
public record KnownTemplate(String name, String text, List<String> stop) {
    /** A chat template that differs in this many characters or more is another one ({@code template.Named}). */
    private static final int FAR = 100;

    /** The built-in template for a file's chat template; nothing where none is near. */
    public static Optional<KnownTemplate> nearest(String chatTemplate) {
        if (chatTemplate.isEmpty()) {
            return Optional.empty();
        }
        int[] given = chatTemplate.codePoints().toArray();
        String name = null;
        int least = FAR;
        for (JsonNode each : json("index.json")) {
            int distance =
                    distance(given, each.path("template").asText().codePoints().toArray(), least);
            if (distance < least) {
                least = distance;
                name = each.path("name").asText();
            }
        }
        return Optional.ofNullable(name).map(KnownTemplate::of);
    }

    private static KnownTemplate of(String name) {
        List<String> stop = new ArrayList<>();
        json(name + ".json").path("stop").forEach(word -> stop.add(word.asText()));
        return new KnownTemplate(name, text(name + ".gotmpl"), List.copyOf(stop));
    }

    /**
     * How many characters must be put in, taken out or changed (Levenshtein); {@code limit} where it is as many or
     * more.
     */
    static int distance(int[] a, int[] b, int limit) {
        if (Math.abs(a.length - b.length) >= limit) {
            return limit;
        }
        int[] above = new int[b.length + 1];
        int[] row = new int[b.length + 1];
        for (int j = 0; j <= b.length; j++) {
            above[j] = Math.min(j, limit);
        }
        for (int i = 1; i <= a.length; i++) {
            // Further from the diagonal the distance is the limit at least.
            int from = Math.max(1, i - limit);
            int to = Math.min(b.length, i + limit);
            row[from - 1] = from == 1 ? Math.min(i, limit) : limit;
            int least = row[from - 1];
            for (int j = from; j <= to; j++) {
                int changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                int oneMore = 1 + Math.min(row[j - 1], j == i + limit ? limit : above[j]);
                row[j] = Math.min(limit, Math.min(changed, oneMore));
                least = Math.min(least, row[j]);
            }
            if (least >= limit) {
                return limit;
            }
            int[] swap = above;
            above = row;
            row = swap;
        }
        return above[b.length];
    }

    private static JsonNode json(String file) {
        try (InputStream in = KnownTemplate.class.getResourceAsStream("known/" + file)) {
            return in == null ? Json.files().missingNode() : Json.files().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(String file) {
        try (InputStream in = KnownTemplate.class.getResourceAsStream("known/" + file)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
