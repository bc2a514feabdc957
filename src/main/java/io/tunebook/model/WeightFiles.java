package io.tunebook.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.model.Weights.Source;
import io.tunebook.model.Weights.Tensor;
import io.tunebook.model.family.DeltaNet;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.GgufForm;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.PackedMatrix;
import io.tunebook.tensors.PackedMatrix.Part;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Finds a model's tensors in GGUF and in safetensors, under Hugging Face's names. */
final class WeightFiles {
    private WeightFiles() {}

    /** @see Weights#open */
    static Weights open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return safetensors(ModelFolder.of(path));
        }
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString());
        }
        if (path.getFileName().toString().endsWith(".safetensors")) {
            return safetensors(new ModelFolder(path.toAbsolutePath().getParent(), List.of(path), Map.of()));
        }
        ModelFolder.refusePickle(path);
        ModelFolder.refusePlaceholder(path);
        return gguf(path);
    }

    private static Weights gguf(Path path) throws IOException {
        GgufFile file = GgufFile.open(path);
        try {
            ModelConfig config = ModelConfig.read(file);
            Map<String, Tensor> found = new LinkedHashMap<>();
            for (String name : config.tensors().keySet()) {
                file.tensor(config.family().ggufName(name))
                        .or(() -> file.tensor(config.family().otherGgufName(name)))
                        .ifPresent(t -> found.put(name, tensor(name, t, config, true)));
            }
            Map<Path, Source> sources = new LinkedHashMap<>();
            for (Path part : file.files()) {
                sources.put(part, new Source((position, into) -> file.read(part, position, into), file::close));
            }
            return new Weights(path, config, found, sources, Optional.of(file));
        } catch (Throwable failure) {
            file.close();
            throw failure;
        }
    }

    private static Tensor tensor(String name, GgufTensor t, ModelConfig config, boolean gguf) {
        GgufForm form = gguf ? config.family().ggufForm(config, name) : GgufForm.AS_IS;
        float added = gguf ? 0 : config.family().added(name);
        long[] shape = t.shape();
        if (shape.length == 2 && DeltaNet.isConvolution(name)) { // llama.cpp leaves the dimension of 1 out
            shape = new long[] {shape[0], 1, shape[1]};
        }
        if (shape.length == 1 && Experts.isSharedGate(name)) { // the same of a matrix of one row
            shape = new long[] {1, shape[0]};
        }
        int expert = Experts.number(name);
        if (expert < 0
                || shape.length != (name.endsWith(".bias") ? 2 : 3)
                || shape[0] != config.experts().orElseThrow().count()) {
            return new Tensor(name, t.type(), shape, t.file(), t.offset(), t.bytes(), form, added, Optional.empty());
        }
        // GGUF has all experts in one
        long bytes = t.bytes() / shape[0];
        long[] one = Arrays.copyOfRange(shape, 1, shape.length);
        return new Tensor(
                name,
                t.type(),
                one,
                t.file(),
                t.offset() + expert * bytes,
                bytes,
                GgufForm.AS_IS,
                added,
                Optional.empty());
    }

    private static Tensor tensor(String name, PackedMatrix m, ModelConfig config) {
        long bytes = m.shape().length == 1
                ? m.type().bytes(m.shape()[0])
                : m.shape()[0] * m.type().bytes(m.shape()[1]);
        float added = config.family().added(name);
        return new Tensor(name, m.type(), m.shape(), m.file(), 0, bytes, GgufForm.AS_IS, added, Optional.of(m));
    }

    private static Weights safetensors(ModelFolder model) throws IOException {
        Path configJson = model.folder().resolve("config.json");
        if (Files.exists(configJson)) {
            ModelFolder.refusePlaceholder(configJson);
        }
        ModelConfig config = ModelConfig.read(configJson);
        Map<Path, Source> sources = new LinkedHashMap<>();
        try {
            Map<String, Tensor> found = new LinkedHashMap<>();
            Map<String, Part> parts = new LinkedHashMap<>();
            Map<String, ModelFormatException> unread = new LinkedHashMap<>();
            for (Path path : model.files()) {
                ModelFolder.refusePlaceholder(path);
                Safetensors file = Safetensors.open(path);
                sources.put(path, new Source(file::read, file::close));
                file.stored().forEach((name, t) -> parts.put(config.textName(name), new Part(t, file::read)));
                file.unread()
                        .forEach((name, why) -> unread.put(
                                config.textName(name), new ModelFormatException(path, "tensor " + name + ": " + why)));
                for (GgufTensor t : file.tensors().values()) {
                    String name = config.textName(t.name());
                    found.put(name, tensor(name, t, config, false));
                }
            }
            JsonNode json = Json.files().readTree(Files.readAllBytes(configJson));
            PackedWeights.of(configJson, json, parts).forEach((name, m) -> found.put(name, tensor(name, m, config)));
            found.putAll(FusedExperts.pieces(config, found));
            FusedExperts.of(configJson, config, parts).forEach((name, m) -> found.put(name, tensor(name, m, config)));
            for (var other : unread.entrySet()) {
                if (config.tensors().containsKey(other.getKey()) && !found.containsKey(other.getKey())) {
                    throw other.getValue();
                }
            }
            for (var placed : model.index().entrySet()) {
                String name = config.textName(placed.getKey());
                if (config.tensors().containsKey(name) && !found.containsKey(name)) {
                    throw new ModelFormatException(
                            placed.getValue(),
                            "tensor " + placed.getKey() + ": the index places it here, found nothing");
                }
            }
            return new Weights(model.folder(), config, found, sources, Optional.empty());
        } catch (Throwable failure) {
            for (Source source : sources.values()) {
                source.file().close();
            }
            throw failure;
        }
    }
}
