package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import io.tunebook.data.ChatRow.WrongRow;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files of a corpus, and the documents in them.
 *
 * @param root a file or a folder
 * @param pattern which files below it, matched against the path relative to the root; null for all
 */
record CorpusFiles(Path root, PathMatcher pattern) implements Corpus.Node {
    private static final Pattern WILD = Pattern.compile("[*?{\\[]");

    /** Takes the folder before the first wildcard as the root. */
    static CorpusFiles of(String pathOrGlob) {
        Matcher wild = WILD.matcher(pathOrGlob);
        if (!wild.find()) {
            return new CorpusFiles(Path.of(pathOrGlob), null);
        }
        String path = pathOrGlob.replace('\\', '/');
        int slash = path.lastIndexOf('/', wild.start());
        Path root = Path.of(slash < 0 ? "." : slash == 0 ? "/" : path.substring(0, slash));
        return new CorpusFiles(root, FileSystems.getDefault().getPathMatcher("glob:" + path.substring(slash + 1)));
    }

    /** This, if there is anything to read. */
    CorpusFiles checked() throws IOException {
        if (!Files.exists(root)) {
            throw new NoSuchFileException(
                    root.toString(),
                    null,
                    "there is no such file or folder, looked for from "
                            + Path.of("").toAbsolutePath());
        }
        return this;
    }

    /** Each path as a part of a corpus. */
    static Iterator<Corpus.Node> each(Iterator<Path> files) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return files.hasNext();
            }

            @Override
            public Corpus.Node next() {
                Path file = files.next();
                return pass -> new FileCursor(file, pass);
            }
        };
    }

    @Override
    public Cursor open(Pass pass) throws IOException {
        return Cursor.chain(parts(pass).iterator(), pass);
    }

    @Override
    public List<Corpus.Node> parts(Pass pass) throws IOException {
        return files(pass).stream()
                .<Corpus.Node>map(file -> p -> new FileCursor(file, p))
                .toList();
    }

    /** The files there are, in their order. */
    List<Path> files(Pass pass) throws IOException {
        List<Path> files = new ArrayList<>();
        collect(root, files, pass, new HashSet<>());
        if (files.isEmpty()) {
            pass.report(new CorpusException(
                    root,
                    0,
                    -1,
                    "expected " + (pattern == null ? "files" : "files that match the pattern") + ", found none",
                    null));
        }
        if (pass.wantsTotal()) {
            for (Path file : files) {
                pass.expect(Files.size(file));
            }
        }
        return files;
    }

    /** Symbolic links are followed, but what they and other paths lead to is taken once. */
    private void collect(Path path, List<Path> files, Pass pass, Set<Path> seen) {
        boolean folder = Files.isDirectory(path);
        if (!folder && pattern != null && !pattern.matches(root.relativize(path))) {
            return;
        }
        try {
            if (Files.exists(path) && !seen.add(path.toRealPath())) {
                return;
            }
        } catch (IOException e) {
            pass.report(unreadable(path, e));
            return;
        }
        if (!folder) {
            files.add(path);
            return;
        }
        List<Path> children = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
            entries.forEach(children::add);
        } catch (IOException | DirectoryIteratorException e) {
            pass.report(unreadable(path, e));
        }
        children.sort(null);
        for (Path child : children) {
            String name = child.getFileName().toString();
            if (!name.startsWith(".") && !name.startsWith("_")) {
                collect(child, files, pass, seen);
            }
        }
    }

    private static CorpusException unreadable(Path path, Exception e) {
        String kind = Files.isDirectory(path) ? "folder" : "file";
        String what = e instanceof AccessDeniedException
                ? "no permission to read this " + kind + ". Change its rights or leave it out"
                : "this " + kind + " cannot be read: " + reason(e);
        return new CorpusException(path, 0, -1, what, e);
    }

    private static String reason(Exception e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }

    /** One file, opened at the first document. */
    private static final class FileCursor implements Cursor {
        private final Path file;
        private final Pass pass;
        private Records records;
        private boolean ended;
        /** The number of the row read last, broken ones included, counted from 0. */
        private long rows = -1;

        FileCursor(Path file, Pass pass) {
            this.file = file;
            this.pass = pass;
        }

        @Override
        public Document next() throws IOException {
            while (!ended) {
                try {
                    if (records == null) {
                        records = SourceFile.open(file, pass.charset(), pass::read);
                    }
                    rows++;
                    JsonParser parser = records.next();
                    Document document = parser == null ? null : document(parser);
                    ended = parser == null;
                    if (document != null) {
                        return document;
                    }
                } catch (CorpusException e) {
                    ended = records == null;
                    pass.report(e);
                } catch (IOException e) {
                    ended = true;
                    pass.report(
                            records == null
                                    ? unreadable(file, e)
                                    : records.broken(
                                            0,
                                            "somewhere after this place the file cannot be read on: " + reason(e)
                                                    + ". Fetch it again",
                                            e));
                }
            }
            return null;
        }

        /** The record as a document; null if it is to be left out. */
        private Document document(JsonParser parser) throws IOException {
            Supplier<String> name = () -> file.getFileName() + ":" + records.number();
            try {
                if (pass.columns() == null && !pass.chats()) {
                    return DocumentReader.read(parser, name);
                }
                parser.nextToken();
                Map<String, Object> row = ToolCalls.map((Map<?, ?>) DocumentReader.value(parser));
                if (pass.columns() != null) {
                    row = pass.columns().apply(row);
                }
                if (row == null) {
                    return null;
                }
                return pass.chats() ? DocumentReader.chat(row, name) : DocumentReader.read(row, name);
            } catch (WrongRow e) {
                throw records.wrong((pass.chats() ? "example " + rows + ", " : "") + e.getMessage());
            } catch (JsonProcessingException e) {
                throw records.broken(
                        e.getLocation() == null ? 0 : e.getLocation().getByteOffset(),
                        (pass.chats() ? "example " + rows + ": " : "") + "expected JSON: " + e.getOriginalMessage(),
                        e);
            }
        }

        @Override
        public void close() throws IOException {
            ended = true;
            if (records != null) {
                records.close();
            }
        }
    }
}
