package io.tunebook.ollama.server;

import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Sha256;
import io.tunebook.files.TemporaryFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Files that clients sent, by their SHA-256. */
final class BlobFolder implements AutoCloseable {
    private static final Pattern DIGEST = Pattern.compile("sha256[:-]([0-9a-f]{64})");

    private final TemporaryFolder folder;

    BlobFolder() throws IOException {
        folder = new TemporaryFolder();
    }

    /** Where the files lie. */
    Path path() {
        return folder.path();
    }

    /** The file of a digest such as {@code sha256:…}; null where it is not here. */
    Path find(String digest) {
        Matcher m = DIGEST.matcher(digest);
        Path file = m.matches() ? path().resolve("sha256-" + m.group(1)) : null;
        return file != null && Files.exists(file) ? file : null;
    }

    /** A file's digest: its name if it was sent, else that of its place, since reading all of it takes long. */
    String digest(Path file) {
        return file.startsWith(path())
                ? file.getFileName().toString().replace('-', ':')
                : "sha256:" + Sha256.hex(file.toString());
    }

    /** Deletes a file, if it was sent. */
    void delete(Path file) throws IOException {
        if (file.startsWith(path())) {
            Files.deleteIfExists(file);
        }
    }

    /** {@code HEAD} and {@code POST /api/blobs/sha256:…}. */
    void serve(HttpExchange exchange, String name) throws IOException {
        Matcher m = DIGEST.matcher(name);
        if (!m.matches()) {
            throw new LocalHttp.Refusal(400, "invalid digest format");
        }
        Path file = path().resolve("sha256-" + m.group(1));
        boolean there = Files.exists(file);
        switch (exchange.getRequestMethod()) {
            case "HEAD" -> {
                if (there) {
                    exchange.sendResponseHeaders(200, -1);
                } else {
                    LocalHttp.send(exchange, 404, LocalHttp.error("blob \"" + name + "\" not found"));
                }
            }
            case "POST" -> {
                if (there) {
                    // A client that is not done sending would see its connection break.
                    exchange.getRequestBody().transferTo(OutputStream.nullOutputStream());
                } else {
                    receive(exchange, file, m.group(1));
                }
                exchange.sendResponseHeaders(there ? 200 : 201, -1);
            }
            default -> LocalHttp.text(exchange, 405, "405 method not allowed");
        }
    }

    /** Writes beside and moves: two who send the same at once both have it in the end. */
    private void receive(HttpExchange exchange, Path file, String digest) throws IOException {
        Path part = path().resolve("blob-" + UUID.randomUUID() + ".part");
        try {
            try (InputStream in = exchange.getRequestBody()) {
                write(in, part);
            }
            String found = Sha256.hex(part);
            if (!found.equals(digest)) {
                throw new LocalHttp.Refusal(
                        400, "digest mismatch, expected \"sha256:" + digest + "\", got \"sha256:" + found + "\"");
            }
            AtomicFile.move(part, file);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /** What fails here is either the client, which is gone then, or the disk, of which it is told. */
    private static void write(InputStream in, Path part) throws IOException {
        try (OutputStream out = Files.newOutputStream(part)) {
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                try {
                    out.write(buffer, 0, n);
                } catch (IOException full) {
                    throw unwritten(in, part, full);
                }
            }
        } catch (FileSystemException full) {
            throw unwritten(in, part, full);
        }
    }

    private static LocalHttp.Refusal unwritten(InputStream in, Path part, IOException full) throws IOException {
        System.err.println("Tunebook's Ollama server: what was sent could not be written to " + part.getParent() + " ("
                + full.getMessage() + "). Make room there, or name another folder with -Djava.io.tmpdir.");
        // A client that is not done sending would see its connection break and no answer.
        in.transferTo(OutputStream.nullOutputStream());
        String reason = full instanceof FileSystemException file
                ? String.valueOf(file.getReason() == null ? file.getClass().getSimpleName() : file.getReason())
                : full.getMessage();
        return new LocalHttp.Refusal(500, "the server's disk takes no more of what is sent: " + reason);
    }

    @Override
    public void close() {
        folder.close();
    }
}
