package io.tunebook.hub;

import java.util.regex.Pattern;

/**
 * A file of a repository.
 *
 * @param path relative to the repository, with slashes; never absolute and without {@code ..}
 * @param bytes its size; −1 if the hub does not say
 * @param checksum in lower case hexadecimal: 64 digits are a SHA-256, 40 a git blob's SHA-1; empty if the hub names
 *     none
 */
public record HubFile(String path, long bytes, String checksum) {
    /**
     * What Windows takes for a device, with any ending, or cannot keep as it is. Source: Microsoft, "Naming Files,
     * Paths, and Namespaces".
     */
    private static final Pattern RESERVED = Pattern.compile(
            "(?i)(con|prn|aux|nul|conin\\$|conout\\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *([.].*)?|.*[. ]");

    private static final Pattern CHECKSUM = Pattern.compile("|[0-9a-f]{40}|[0-9a-f]{64}");

    /** @throws IllegalArgumentException if the path leaves the repository or the checksum is none */
    public HubFile {
        requireInside(path);
        if (!CHECKSUM.matcher(checksum).matches()) {
            throw new IllegalArgumentException(
                    "expected a SHA-256 or a git SHA-1 for " + path + ", found \"" + checksum + "\"");
        }
    }

    /** Names come from a server and become paths: nothing that any system takes for a way out is let through. */
    static void requireInside(String path) {
        boolean inside = !path.isEmpty() && path.chars().noneMatch(c -> c < ' ' || c == '\\' || c == ':');
        for (String part : path.split("/", -1)) {
            inside &= !part.isEmpty() && !RESERVED.matcher(part).matches();
        }
        if (!inside) {
            throw new IllegalArgumentException(
                    "refused the name \"" + path.replaceAll("\\p{Cc}", "?")
                            + "\": expected a path inside the repository, without .., drive letters, backslashes or names that Windows reserves");
        }
    }
}
