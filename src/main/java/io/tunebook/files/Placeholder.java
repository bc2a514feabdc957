package io.tunebook.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** What a download left in a file's place. */
public enum Placeholder {
    GIT_LFS_POINTER(
            "a Git LFS pointer: the file itself was not fetched. Run git lfs pull in its folder, or download the file"),
    WEB_PAGE("a page of the web saved under its name: download the file itself");

    private final String words;

    Placeholder(String words) {
        this.words = words;
    }

    /** What lies at a file's place instead of its data; empty if it may be the data. */
    public static Optional<Placeholder> at(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in(in.readNBytes(128));
        }
    }

    /**
     * The same by a file's first bytes.
     *
     * @param head some hundred bytes, or all there are
     */
    public static Optional<Placeholder> in(byte[] head) {
        String text = new String(head, 0, Math.min(head.length, 128), StandardCharsets.ISO_8859_1).stripLeading();
        if (text.startsWith("version https://git-lfs.github.com/spec/")) {
            return Optional.of(GIT_LFS_POINTER);
        }
        boolean page = text.toLowerCase(Locale.ROOT).matches("(?s)(<!doctype html|<html|<\\?xml).*");
        return page ? Optional.of(WEB_PAGE) : Optional.empty();
    }

    /** What it is and what to do, to go on a sentence with. */
    @Override
    public String toString() {
        return words;
    }
}
