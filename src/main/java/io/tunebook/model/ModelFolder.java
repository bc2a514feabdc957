package io.tunebook.model;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.CheckpointFolder;
import io.tunebook.files.Json;
import io.tunebook.files.Placeholder;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A folder of safetensors. What people take for one is told what it is: an adapter, a trainer's output, PyTorch's
 * pickles, a page of the web.
 *
 * @param folder has {@code config.json}
 * @param files the safetensors
 * @param index which tensor the index places in which of them; empty for a single file
 */
record ModelFolder(Path folder, List<Path> files, Map<String, Path> index) {
    /**
     * Looks into a folder.
     *
     * @throws ModelFormatException if it has no model that can be read; the message says what it has, and what to do
     */
    static ModelFolder of(Path folder) throws IOException {
        refuseAdapter(folder);
        Path index = folder.resolve("model.safetensors.index.json");
        if (Files.exists(index)) {
            Map<String, Path> places = readIndex(index);
            return new ModelFolder(folder, List.copyOf(new TreeSet<>(places.values())), places);
        }
        Path single = folder.resolve("model.safetensors");
        if (Files.exists(single)) {
            return new ModelFolder(folder, List.of(single), Map.of());
        }
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                refusePickle(file);
            }
        }
        throw new ModelFormatException(
                folder, "expected model.safetensors or model.safetensors.index.json, found neither");
    }

    private static void refuseAdapter(Path folder) throws IOException {
        if (Files.exists(folder.resolve("config.json"))) {
            return;
        }
        Path config = folder.resolve("adapter_config.json");
        if (Files.exists(config)) {
            String base = parsed(config).path("base_model_name_or_path").asText("the model that it was trained on");
            throw new ModelFormatException(
                    folder,
                    "expected a model, found a LoRA adapter: load " + base + ", then LoraAdapter.load(folder, model)");
        }
        Optional<Path> newest = CheckpointFolder.newestIn(folder);
        if (newest.isPresent()) {
            throw new ModelFormatException(
                    folder,
                    "expected a model, found a trainer's output: its newest checkpoint is "
                            + newest.get().getFileName()
                            + (Files.exists(newest.get().resolve("adapter_config.json"))
                                    ? ", a LoRA adapter: load the model that it was trained on, then"
                                            + " LoraAdapter.load(checkpoint, model)"
                                    : ""));
        }
    }

    /** Unpickling runs whatever code a file holds. */
    static void refusePickle(Path file) throws ModelFormatException {
        if (file.getFileName().toString().matches("(?i).*\\.(bin|pt|pth|ckpt|pkl|pickle)")) {
            throw new ModelFormatException(
                    file,
                    "expected GGUF or safetensors, found a PyTorch pickle: reading one runs whatever code it holds, so it"
                            + " is not opened. Take the model's .safetensors files, or convert it where you trust it");
        }
    }

    /** What a download left in a file's place. */
    static void refusePlaceholder(Path file) throws IOException {
        Optional<Placeholder> found = Placeholder.at(file);
        if (found.isPresent()) {
            throw new ModelFormatException(file, "expected a model's data, found " + found.get());
        }
    }

    private static Map<String, Path> readIndex(Path index) throws IOException {
        JsonNode map = parsed(index).path("weight_map");
        Map<String, Path> places = new LinkedHashMap<>();
        for (var entry : map.properties()) {
            String name = entry.getValue().asText();
            if (!name.matches("[\\w.-]+\\.safetensors")) {
                throw new ModelFormatException(
                        index,
                        "tensor " + entry.getKey() + ": expected a file name ending in .safetensors, found " + name);
            }
            places.put(entry.getKey(), index.resolveSibling(name));
        }
        if (places.isEmpty()) {
            throw new ModelFormatException(index, "expected a weight_map with tensors, found none");
        }
        return places;
    }

    private static JsonNode parsed(Path file) throws IOException {
        refusePlaceholder(file);
        try {
            return Json.files().readTree(Files.readAllBytes(file));
        } catch (JacksonException broken) {
            throw new ModelFormatException(file, "expected JSON: " + broken.getMessage(), broken);
        }
    }
}
