package io.tunebook.ollama.store;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model's name as Ollama writes it: {@code [host/][namespace/]model[:tag]}.
 *
 * @param host the registry, {@code registry.ollama.ai} unless named
 * @param namespace the owner, {@code library} unless named
 * @param model the model
 * @param tag the variant, {@code latest} unless named
 */
public record ModelName(String host, String namespace, String model, String tag) {
    private static final String DEFAULT_HOST = "registry.ollama.ai";
    private static final String DEFAULT_NAMESPACE = "library";
    private static final String PART = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}";
    private static final String OWNER = "[A-Za-z0-9_][A-Za-z0-9_-]{0,79}";
    private static final Pattern NAME = Pattern.compile("(?:https?://)?(?:(?:([A-Za-z0-9_][A-Za-z0-9_.:-]{0,349})/)?("
            + OWNER + ")/)?(" + PART + ")(?::(" + PART + "))?");

    /**
     * Reads a name.
     *
     * @throws IllegalArgumentException if it is none, which every path that leaves a folder is
     */
    public static ModelName of(String name) {
        Matcher m = NAME.matcher(name.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "expected a model's name such as smollm2:135m or owner/model:tag, found " + name);
        }
        return new ModelName(
                m.group(1) == null ? DEFAULT_HOST : m.group(1),
                m.group(2) == null ? DEFAULT_NAMESPACE : m.group(2),
                m.group(3),
                m.group(4) == null ? "latest" : m.group(4));
    }

    /** The name with all its parts. */
    public String full() {
        return host + "/" + namespace + "/" + model + ":" + tag;
    }

    /** The name without the parts that go without saying, the tag always with it. */
    @Override
    public String toString() {
        String base = model + ":" + tag;
        if (host.equalsIgnoreCase(DEFAULT_HOST)) {
            return namespace.equalsIgnoreCase(DEFAULT_NAMESPACE) ? base : namespace + "/" + base;
        }
        return host + "/" + namespace + "/" + base;
    }
}
