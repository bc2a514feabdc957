package io.tunebook.lora;

import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The tokenizer that a trainer saved beside an adapter, as Transformers' {@code save_pretrained} writes it. */
final class AdapterTokenizer {
    private static final List<String> FILES = List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "chat_template.jinja");

    private static final String TEMPLATES = "additional_chat_templates";

    private AdapterTokenizer() {}

    /** The tokenizer of a folder; empty if there is none, or one that is like the model's. */
    static Optional<Tokenizer> beside(Path folder, Tokenizer model) throws IOException {
        if (!Files.exists(folder.resolve(FILES.get(0)))) {
            return Optional.empty();
        }
        Tokenizer beside = Tokenizer.load(folder);
        if (beside.isLike(model)) {
            beside.close();
            return Optional.empty();
        }
        return Optional.of(beside);
    }

    /** Copies the files that a tokenizer was read from. */
    static void copy(Tokenizer tokenizer, Path to) throws IOException {
        Path from = tokenizer.source().toAbsolutePath().getParent();
        if (Files.isSameFile(from, to)) {
            return;
        }
        for (String name : FILES) {
            if (Files.exists(from.resolve(name))) {
                Files.copy(from.resolve(name), to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        if (Files.isDirectory(from.resolve(TEMPLATES))) {
            Files.createDirectories(to.resolve(TEMPLATES));
            try (Stream<Path> templates = Files.list(from.resolve(TEMPLATES))) {
                for (Path template : templates.toList()) {
                    Files.copy(
                            template,
                            to.resolve(TEMPLATES).resolve(template.getFileName()),
                            StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }
}
