package io.tunebook.hub;

import java.util.regex.Pattern;

/**
 * Which repository, in which state.
 *
 * @param kind {@code model} or {@code dataset}
 * @param id {@code owner/name}, or a name alone as old repositories have
 * @param revision branch, tag or commit
 */
record HubRepository(String kind, String id, String revision) {
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?");

    HubRepository {
        if (!ID.matcher(id).matches() || id.contains("..")) {
            throw new IllegalArgumentException("expected a repository such as \"owner/name\", found \"" + id + "\"");
        }
        HubFile.requireInside(revision);
    }

    String name() {
        return id.substring(id.indexOf('/') + 1);
    }

    /** The folder in huggingface_hub's cache. */
    String cacheName() {
        return kind + "s--" + id.replace("/", "--");
    }
}
