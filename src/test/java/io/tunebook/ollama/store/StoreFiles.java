package io.tunebook.ollama.store;

import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.OllamaPrompt;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Ollama's folder with one model, of which one file is another. */
public final class StoreFiles {
    /** The manifest, and the kinds of its layers that are texts. */
    public static final List<String> NAMES = List.of("manifest", "config", "params", "template", "system");

    private static final Map<String, String> TEXTS = texts();

    private StoreFiles() {}

    private static Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.put("config", "{\"model_format\":\"gguf\",\"renderer\":\"qwen3\",\"parser\":\"qwen3\"}");
        texts.put("params", "{\"stop\":[\"<|im_end|>\",\"</s>\"],\"temperature\":0.7,\"num_ctx\":4096}");
        texts.put(
                "template",
                "{{- if or .System .Tools }}<|im_start|>system\n{{ .System }}{{ range .Tools }}\n{{ . }}{{ end }}<|im_end|>\n"
                        + "{{ end }}{{- range $i, $m := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}<|im_start|>"
                        + "{{ .Role }}\n{{ .Content | printf \"%s\" }}{{ if not $last }}<|im_end|>\n{{ else if ne .Role "
                        + "\"assistant\" }}<|im_end|>\n<|im_start|>assistant\n{{ end }}{{ end }}");
        texts.put("system", "You are a caf\u00e9.");
        StringBuilder manifest = new StringBuilder("{\"schemaVersion\":2,\"config\":{\"digest\":\"" + digest("config")
                + "\",\"size\":60},\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\""
                + digest("model") + "\",\"size\":4}");
        for (String kind : List.of("params", "template", "system")) {
            manifest.append(",{\"mediaType\":\"application/vnd.ollama.image.")
                    .append(kind)
                    .append("\",\"digest\":\"")
                    .append(digest(kind))
                    .append("\"}");
        }
        texts.put("manifest", manifest.append("]}").toString());
        texts.put("model", "GGUF");
        return texts;
    }

    private static String digest(String kind) {
        return "sha256:"
                + String.format(
                        "%064x",
                        List.of("config", "params", "template", "system", "model")
                                .indexOf(kind));
    }

    /** What a whole folder has in one of its files. */
    public static byte[] content(String name) {
        return TEXTS.get(name).getBytes(StandardCharsets.UTF_8);
    }

    /** Reads the model after one of its files was replaced, and renders a chat with its template. */
    public static void read(Path folder, String name, byte[] damaged) throws IOException {
        Path manifest = Files.createDirectories(folder.resolve("manifests/registry.ollama.ai/library/m"))
                .resolve("latest");
        Path blobs = Files.createDirectories(folder.resolve("blobs"));
        for (String each : TEXTS.keySet()) {
            Path file = each.equals("manifest")
                    ? manifest
                    : blobs.resolve(digest(each).replace(':', '-'));
            Files.write(file, each.equals(name) ? damaged : content(each));
        }
        ModelStore store = ModelStore.open(folder);
        store.list();
        StoredModel model = store.model("m");
        if (model.template().isPresent()) {
            OllamaPrompt.of(List.of(ChatMessage.user("Hi"), ChatMessage.assistant("Yes")))
                    .render(GoTemplate.parse(model.template().get()));
        }
    }
}
