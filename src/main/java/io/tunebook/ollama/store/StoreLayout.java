package io.tunebook.ollama.store;

import io.tunebook.files.AtomicFile;
import io.tunebook.files.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes a folder as Ollama lays out its own, for machines that have no Ollama. */
public final class StoreLayout {
    private static final String MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    private static final String MODEL = "application/vnd.ollama.image.model";

    private StoreLayout() {}

    /**
     * Adds a GGUF file to a folder as {@code ollama pull} would: the file as a blob named by its SHA-256, and a
     * manifest that names the blob. A blob that is there already stays as it is.
     *
     * @param folder the models folder, made if need be
     * @param name what the model will be called, such as {@code smollm2:135m}
     * @param gguf the file; it is copied
     * @return the folder, opened
     */
    public static ModelStore add(Path folder, String name, Path gguf) throws IOException {
        String digest = Sha256.hex(gguf);
        Path blob = Files.createDirectories(folder.resolve("blobs")).resolve("sha256-" + digest);
        if (!Files.exists(blob)) {
            AtomicFile.write(blob, part -> Files.copy(gguf, part));
        }
        String manifest = """
                {"schemaVersion": 2, "mediaType": "%s",
                 "layers": [{"mediaType": "%s", "digest": "sha256:%s", "size": %d}]}
                """.formatted(MANIFEST, MODEL, digest, Files.size(blob));
        ModelName model = ModelName.of(name);
        Path file = folder.resolve("manifests")
                .resolve(model.host())
                .resolve(model.namespace())
                .resolve(model.model())
                .resolve(model.tag());
        Files.createDirectories(file.getParent());
        AtomicFile.write(file, manifest.getBytes(StandardCharsets.UTF_8));
        return ModelStore.open(folder);
    }
}
