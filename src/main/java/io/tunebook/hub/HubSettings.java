package io.tunebook.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** What the usual environment variables say, with the defaults of huggingface_hub. */
final class HubSettings {
    private HubSettings() {}

    static String variable(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isBlank() ? otherwise : value.strip();
    }

    /** {@code HF_HUB_CACHE}, else {@code hub} in {@code HF_HOME}, which is {@code huggingface} in the user's cache. */
    static Path cache() {
        return Path.of(variable(
                "HF_HUB_CACHE",
                variable("HUGGINGFACE_HUB_CACHE", home().resolve("hub").toString())));
    }

    private static Path home() {
        Path user = Path.of(System.getProperty("user.home"));
        Path caches = Path.of(variable("XDG_CACHE_HOME", user.resolve(".cache").toString()));
        return Path.of(variable("HF_HOME", caches.resolve("huggingface").toString()));
    }

    static boolean offline() {
        return variable("HF_HUB_OFFLINE", "0").matches("(?i)1|on|yes|true");
    }

    /** The token that belongs to a source; never put into a message. */
    static Optional<String> token(HubSource source) {
        if (source instanceof HubSource.ModelScope) {
            return Optional.of(variable("MODELSCOPE_API_TOKEN", "")).filter(t -> !t.isEmpty());
        }
        String token = variable("HF_TOKEN", variable("HUGGING_FACE_HUB_TOKEN", ""));
        if (token.isEmpty()) {
            Path file =
                    Path.of(variable("HF_TOKEN_PATH", home().resolve("token").toString()));
            try {
                token = Files.isRegularFile(file) ? Files.readString(file).strip() : "";
            } catch (IOException e) {
                token = "";
            }
        }
        return Optional.of(token).filter(t -> !t.isEmpty());
    }
}
