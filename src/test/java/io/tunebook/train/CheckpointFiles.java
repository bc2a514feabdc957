package io.tunebook.train;

import io.tunebook.files.Sha256;
import io.tunebook.lora.AdapterFile;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A checkpoint of which one file is another, with checksums that are right: what a damaged file meets behind them. */
public final class CheckpointFiles {
    /** The files that a checkpoint has of its own, and the checksums themselves. */
    public static final List<String> NAMES = List.of("state.json", "optimizer.safetensors", "SHA256SUMS");

    private static final String STATE =
            "{\"step\":2,\"planned_steps\":4,\"stale\":0,\"fingerprint\":{\"data\":\"ab\",\"seed\":\"1\"},"
                    + "\"steps\":[[0.5,2.5,1e-4,0.7,100.0,1000,5000],[1.0,2.25,1e-4,0.6,100.0,1000,2500]],"
                    + "\"evaluations\":[[2,2.5]],\"samples\":[[2,\"Hi\",\"Hello\"]]}";

    private CheckpointFiles() {}

    /** What a whole checkpoint has in one of its files. */
    public static byte[] content(byte[] adapter, byte[] settings, String name) throws IOException {
        Path folder = Files.createTempDirectory("checkpoint");
        try {
            write(folder, adapter, settings);
            return Files.readAllBytes(folder.resolve(name));
        } finally {
            for (String each : List.of(
                    "SHA256SUMS", "state.json", "optimizer.safetensors", AdapterFile.CONFIG, AdapterFile.TENSORS)) {
                Files.deleteIfExists(folder.resolve(each));
            }
            Files.delete(folder);
        }
    }

    /** Reads a checkpoint in a folder after one of its files was replaced. */
    public static void read(Path folder, byte[] adapter, byte[] settings, String name, byte[] damaged)
            throws IOException {
        write(folder, adapter, settings);
        Files.write(folder.resolve(name), damaged);
        if (!name.equals("SHA256SUMS")) {
            sums(folder);
        }
        Checkpoint.read(folder);
    }

    private static void write(Path folder, byte[] adapter, byte[] settings) throws IOException {
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("state.json"), STATE);
        Safetensors.Values values = new Safetensors.Values(new long[] {3}, new float[] {0.5f, 0.25f, 1});
        Safetensors.write(
                folder.resolve("optimizer.safetensors"),
                Map.of("exp_avg", values, "exp_avg_sq", values, "best", values),
                Map.of("format", "pt"));
        Files.write(folder.resolve(AdapterFile.TENSORS), adapter);
        Files.write(folder.resolve(AdapterFile.CONFIG), settings);
        sums(folder);
    }

    private static void sums(Path folder) throws IOException {
        StringBuilder out = new StringBuilder();
        for (String name : List.of("state.json", "optimizer.safetensors", AdapterFile.CONFIG, AdapterFile.TENSORS)) {
            out.append(Sha256.hex(folder.resolve(name)))
                    .append("  ")
                    .append(name)
                    .append('\n');
        }
        Files.writeString(folder.resolve("SHA256SUMS"), out, StandardCharsets.UTF_8);
    }
}
