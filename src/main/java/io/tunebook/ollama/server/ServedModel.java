package io.tunebook.ollama.server;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.ollama.template.KnownTemplate;
import io.tunebook.ollama.template.TemplateTags;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A model that {@link EmbeddedOllama} serves, with what Ollama tells about one.
 *
 * @param gguf the weights
 * @param adapters LoRA adapters as GGUF
 * @param template the template in Go's syntax that makes prompts: a user's, or the built-in one that is near the GGUF
 *     file's own; empty where the file's own makes them
 * @param system the system prompt, empty for none
 * @param builtIn which built-in template was chosen, empty for none
 * @param options default options by Ollama's names
 * @param licenses the licences
 * @param messages what stands before every chat
 * @param metadata the GGUF file's metadata, long arrays empty
 * @param details what Ollama calls details
 * @param bytes the size on disk
 * @param modified when the file was written
 */
record ServedModel(
        Path gguf,
        List<Path> adapters,
        String template,
        String builtIn,
        String system,
        Map<String, Object> options,
        List<String> licenses,
        List<ChatMessage> messages,
        Map<String, Object> metadata,
        Map<String, Object> details,
        long bytes,
        Instant modified) {
    private static final ObjectWriter SORTED = Json.wire().writer(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);

    private static final Map<Long, String> FILE_TYPES = Map.ofEntries(
            Map.entry(0L, "F32"),
            Map.entry(1L, "F16"),
            Map.entry(2L, "Q4_0"),
            Map.entry(3L, "Q4_1"),
            Map.entry(7L, "Q8_0"),
            Map.entry(8L, "Q5_0"),
            Map.entry(9L, "Q5_1"),
            Map.entry(10L, "Q2_K"),
            Map.entry(12L, "Q3_K_M"),
            Map.entry(14L, "Q4_K_S"),
            Map.entry(15L, "Q4_K_M"),
            Map.entry(16L, "Q5_K_S"),
            Map.entry(17L, "Q5_K_M"),
            Map.entry(18L, "Q6_K"),
            Map.entry(32L, "BF16"));

    /**
     * Reads what there is to tell from the file. Without a template the file gets Ollama's built-in one that is nearest
     * to its own.
     */
    static ServedModel of(
            Path gguf,
            List<Path> adapters,
            String template,
            String system,
            Map<String, Object> options,
            List<String> licenses,
            List<ChatMessage> messages)
            throws IOException {
        try (GgufFile file = GgufFile.open(gguf)) {
            Map<String, Object> metadata = new LinkedHashMap<>();
            // Ollama leaves arrays of more than five elements empty.
            file.metadata().forEach((key, value) -> metadata.put(key, length(value) > 5 ? List.of() : value));
            long values = file.tensors().stream().mapToLong(GgufTensor::values).sum();
            metadata.put("general.parameter_count", values);
            String family = file.string("general.architecture").orElse("");
            Map<String, Object> details = new LinkedHashMap<>();
            details.put("parent_model", "");
            details.put("format", "gguf");
            details.put("family", family);
            details.put("families", List.of(family));
            details.put(
                    "parameter_size",
                    values >= 1_000_000_000
                            ? String.format(Locale.ROOT, "%.1fB", values / 1e9)
                            : String.format(Locale.ROOT, "%.2fM", values / 1e6));
            details.put(
                    "quantization_level",
                    FILE_TYPES.getOrDefault(file.integer("general.file_type").orElse(-1), "unknown"));
            file.integer(family + ".context_length").ifPresent(n -> details.put("context_length", n));
            file.integer(family + ".embedding_length").ifPresent(n -> details.put("embedding_length", n));
            Optional<KnownTemplate> known = template.isEmpty()
                    ? KnownTemplate.nearest(
                            file.string("tokenizer.chat_template").orElse(""))
                    : Optional.empty();
            Map<String, Object> all = new LinkedHashMap<>(options);
            known.filter(k -> !k.stop().isEmpty()).ifPresent(k -> all.putIfAbsent("stop", k.stop()));
            return new ServedModel(
                    gguf,
                    List.copyOf(adapters),
                    known.map(KnownTemplate::text).orElse(template),
                    known.map(KnownTemplate::name).orElse(""),
                    system,
                    all,
                    List.copyOf(licenses),
                    List.copyOf(messages),
                    metadata,
                    details,
                    Files.size(gguf),
                    Files.getLastModifiedTime(gguf).toInstant().truncatedTo(ChronoUnit.MILLIS));
        }
    }

    /** The metadata with its long arrays, as {@code verbose} asks for it. */
    Map<String, Object> allMetadata() throws IOException {
        try (GgufFile file = GgufFile.open(gguf)) {
            Map<String, Object> all = new LinkedHashMap<>(metadata);
            all.putAll(file.metadata());
            return all;
        }
    }

    /** The tensors, each with its dimensions in the file's order, the fastest first. */
    List<Map<String, Object>> tensors() throws IOException {
        try (GgufFile file = GgufFile.open(gguf)) {
            List<Map<String, Object>> out = new ArrayList<>();
            for (GgufTensor tensor : file.tensors()) {
                List<Long> dimensions = new ArrayList<>();
                for (long d : tensor.shape()) {
                    dimensions.add(0, d);
                }
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("name", tensor.name());
                one.put("type", tensor.type().name());
                one.put("shape", dimensions);
                out.add(one);
            }
            return out;
        }
    }

    private static int length(Object value) {
        return value instanceof List<?> list ? list.size() : value.getClass().isArray() ? Array.getLength(value) : 0;
    }

    /**
     * What {@code tags}, {@code ps} and {@code show} give for the digest: of the file's place, size and time, not of
     * its bytes.
     */
    String digest() {
        return Sha256.hex(
                gguf + " " + bytes + " " + modified + " " + adapters + system + template + options + messages);
    }

    /** The chat template inside the GGUF file, empty for none. */
    String chatTemplate() {
        return metadata.get("tokenizer.chat_template") instanceof String s ? s : "";
    }

    /**
     * The template in Go's syntax that makes the prompts; empty where the file's own chat template does, since there is
     * no other or since it can do more, as Ollama from 0.34.1 on chooses.
     */
    String goTemplate() {
        try {
            boolean own = !template.isEmpty()
                    && !chatTemplate().isEmpty()
                    && TemplateTags.ownDoesMore(chatTemplate(), template);
            return own ? "" : template;
        } catch (GoTemplateException broken) {
            return template;
        }
    }

    /** The marks of thoughts and calls in answers, as the template that makes the prompts has them. */
    TemplateTags tags() {
        String go = goTemplate();
        if (!go.isEmpty()) {
            try {
                return TemplateTags.of(GoTemplate.parse(go));
            } catch (GoTemplateException broken) {
                return new TemplateTags("", "", "{");
            }
        }
        boolean thinks = chatTemplate().contains("<think>");
        String call = List.of("<tool_call>", "[TOOL_CALLS]").stream()
                .filter(chatTemplate()::contains)
                .findFirst()
                .orElse("{");
        return new TemplateTags(thinks ? "<think>" : "", thinks ? "</think>" : "", call);
    }

    boolean thinks() {
        return tags().thinks();
    }

    /** Whether the template that makes the prompts has a value of this name. */
    private boolean asks(String name) {
        try {
            String go = goTemplate();
            return go.isEmpty()
                    ? chatTemplate().contains(name)
                    : GoTemplate.parse(go).variables().contains(name);
        } catch (GoTemplateException broken) {
            return false;
        }
    }

    List<String> capabilities() {
        List<String> out = new ArrayList<>(List.of("completion"));
        if (asks("tools")) {
            out.add("tools");
        }
        if (!goTemplate().isEmpty() && asks("suffix")) {
            out.add("insert");
        }
        if (thinks()) {
            out.add("thinking");
        }
        return out;
    }

    /** The same model by another name or with other settings, of a model that was there before. */
    ServedModel childOf(String parent) {
        Map<String, Object> told = new LinkedHashMap<>(details);
        told.put("parent_model", parent);
        return new ServedModel(
                gguf, adapters, template, "", system, options, licenses, messages, metadata, told, bytes, modified);
    }

    /** What the weights, all settings and the short description beside them take on disk, as Ollama stores them. */
    long allBytes() {
        long sum = bytes;
        for (Path adapter : adapters) {
            try {
                sum += Files.size(adapter);
            } catch (IOException gone) {
                // it then has no size to tell
            }
        }
        for (Object part : parts()) {
            sum += stored(part).getBytes(StandardCharsets.UTF_8).length;
        }
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("model_format", details.get("format"));
        config.put("model_family", details.get("family"));
        config.put("model_families", details.get("families"));
        config.put("model_type", details.get("parameter_size"));
        config.put("file_type", details.get("quantization_level"));
        sum += stored(config).getBytes(StandardCharsets.UTF_8).length;
        return sum;
    }

    /**
     * A setting as Ollama stores it: a text, or JSON as Go's encoder writes it, so that a layer has the same digest and
     * size (keys sorted, nothing that HTML knows, a line's end).
     */
    static String stored(Object part) {
        try {
            return part instanceof String text
                    ? text
                    : SORTED.writeValueAsString(part)
                                    .replace("<", "\\u003c")
                                    .replace(">", "\\u003e")
                                    .replace("&", "\\u0026")
                            + "\n";
        } catch (JsonProcessingException never) {
            throw new IllegalStateException(never);
        }
    }

    /**
     * What it takes in memory, about: the weights, and the keys and values of a context of so many tokens in two bytes
     * each.
     */
    long memory(int context) {
        String family = String.valueOf(metadata.get("general.architecture"));
        long layers = number(family + ".block_count", 0);
        long heads = Math.max(1, number(family + ".attention.head_count", 1));
        long width = number(family + ".embedding_length", 0) / heads;
        long keys = number(family + ".attention.key_length", width);
        long values = number(family + ".attention.value_length", width);
        return bytes + 2 * layers * context * number(family + ".attention.head_count_kv", heads) * (keys + values);
    }

    private long number(String key, long otherwise) {
        return metadata.get(key) instanceof Number n ? n.longValue() : otherwise;
    }

    /** All settings that are there, each of which is a layer with Ollama. */
    List<Object> parts() {
        List<Object> all = new ArrayList<>(List.of(template, system));
        all.addAll(licenses);
        all.addAll(List.of(options, messages));
        all.removeIf(part -> part.equals("") || part.equals(Map.of()) || part.equals(List.of()));
        return all;
    }

    /** The model's limit on context, in tokens. */
    int contextLength() {
        Object n = metadata.get(metadata.get("general.architecture") + ".context_length");
        return n instanceof Long l ? (int) Math.min(Integer.MAX_VALUE, l) : 4096;
    }
}
