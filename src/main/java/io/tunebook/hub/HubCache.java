package io.tunebook.hub;

import io.tunebook.files.AtomicFile;
import io.tunebook.files.Sha256;
import io.tunebook.hub.HubListing.HubRepository;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpResponse;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;

/**
 * The cache of huggingface_hub: {@code models--owner--name/blobs/CHECKSUM}, {@code snapshots/COMMIT/path} as links to
 * them, {@code refs/REVISION} with a commit. A blob appears under its name only when it is whole and its checksum
 * right.
 *
 * @see <a href="https://huggingface.co/docs/huggingface_hub/guides/manage-cache">Understand caching</a>
 */
final class HubCache {
    private static final int TRIES = 5;
    private static final Duration PATIENCE = Duration.ofHours(12);

    /** For how long a source to which there was no connection is asked last. */
    static final Duration UNREACHABLE = Duration.ofHours(1);

    /** For how long one that was only slow is: it may be fast the next time. */
    static final Duration SLOW = Duration.ofMinutes(5);

    /**
     * A file lock holds between processes only, and these between the threads of this process, whichever cache object
     * they use: hence static. A lock is there while a thread holds it or waits for it.
     */
    private static final Map<Path, ThreadLock> LOCKS = new ConcurrentHashMap<>();

    private final Path root;
    private final HubRepository repository;
    private final Path folder;

    HubCache(Path root, HubRepository repository) {
        this.root = root;
        this.repository = repository;
        this.folder = root.resolve(repository.cacheName());
    }

    static MessageDigest digest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has " + algorithm, e);
        }
    }

    /** The newest state that was fetched before, if there is one. */
    Optional<Path> snapshot() throws IOException {
        Path ref = folder.resolve("refs").resolve(repository.revision());
        String commit = Files.isRegularFile(ref) ? Files.readString(ref).strip() : repository.revision();
        Path snapshot = folder.resolve("snapshots").resolve(commit);
        return commit.matches("[0-9a-f]{40}") && Files.isDirectory(snapshot) ? Optional.of(snapshot) : Optional.empty();
    }

    Path snapshot(String commit) {
        return folder.resolve("snapshots").resolve(commit);
    }

    /** Whether a source is asked last, since this process or another with this cache had no luck with it lately. */
    static boolean isLast(Path root, HubSource source) {
        try {
            Path mark = mark(root, source);
            Instant marked = Files.getLastModifiedTime(mark).toInstant();
            Duration most = Files.readString(mark).equals(SLOW.toString()) ? SLOW : UNREACHABLE;
            return Duration.between(marked, Instant.now()).abs().compareTo(most) < 0;
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Remembers to ask a source last; not to remember it costs a few seconds at most.
     *
     * @param time {@link #UNREACHABLE}, {@link #SLOW}, or zero for a source that answered
     */
    static void askLast(Path root, HubSource source, Duration time) {
        Path mark = mark(root, source);
        try {
            if (time.isZero()) {
                Files.deleteIfExists(mark);
            } else {
                Files.createDirectories(mark.getParent());
                Files.writeString(mark, time.toString());
                Files.setLastModifiedTime(mark, FileTime.from(Instant.now()));
            }
        } catch (IOException e) {
            // a cache that cannot be written says so when a file comes
        }
    }

    /** Among the locks, where huggingface_hub expects no repository; hashed, since an address may hold a password. */
    private static Path mark(Path root, HubSource source) {
        return root.resolve(".locks").resolve("unreachable").resolve(Sha256.hex(source.toString()));
    }

    /** Remembers which commit a branch or tag stands for. */
    void remember(String commit) throws IOException {
        if (!commit.equals(repository.revision())) {
            Path ref = folder.resolve("refs").resolve(repository.revision());
            Files.createDirectories(ref.getParent());
            AtomicFile.write(ref, commit.getBytes(StandardCharsets.US_ASCII));
        }
    }

    /**
     * The file in its snapshot, fetched if it is not there.
     *
     * @param read told of bytes as they come, or of those that were there already
     */
    Path fetch(HubListing listing, HubFile file, LongConsumer read) throws IOException {
        Path pointer = snapshot(listing.commit()).resolve(file.path());
        if (Files.exists(pointer)) {
            read.accept(Math.max(0, file.bytes()));
            return pointer;
        }
        String name = file.checksum().isEmpty() ? unnamed(listing, file) : file.checksum();
        Path blob = folder.resolve("blobs").resolve(name);
        Path lock = root.resolve(".locks").resolve(repository.cacheName()).resolve(name + ".lock");
        Files.createDirectories(blob.getParent());
        Files.createDirectories(lock.getParent());
        Path key = lock.toAbsolutePath();
        ThreadLock threads = LOCKS.compute(key, (path, there) -> there == null ? new ThreadLock() : there.oneMore());
        threads.lock.lock();
        try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock held = channel.lock()) {
            if (!held.isValid()) {
                throw new IOException(lock + " could not be locked");
            }
            if (Files.exists(blob)) {
                read.accept(Math.max(0, file.bytes()));
            } else {
                download(listing, file, blob, read);
            }
            link(blob, pointer);
        } finally {
            threads.lock.unlock();
            LOCKS.computeIfPresent(key, (path, there) -> there.oneLess());
        }
        return pointer;
    }

    /**
     * A lock, and how many threads hold it or wait for it; the number changes within the map's own operations alone.
     */
    private static final class ThreadLock {
        private final ReentrantLock lock = new ReentrantLock();
        private int threads = 1;

        ThreadLock oneMore() {
            threads++;
            return this;
        }

        ThreadLock oneLess() {
            return --threads == 0 ? null : this;
        }
    }

    /** For files whose hub names no checksum. */
    private static String unnamed(HubListing listing, HubFile file) {
        MessageDigest digest = digest("SHA-1");
        digest.update((listing.commit() + " " + file.path()).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void download(HubListing listing, HubFile file, Path blob, LongConsumer read) throws IOException {
        Path part = blob.resolveSibling(blob.getFileName() + ".tunebook.incomplete");
        HubClient client = listing.client().orElseThrow();
        boolean damagedBefore = false;
        Arrived arrived = new Arrived(read);
        for (int attempt = 1; ; attempt++) {
            IOException lost = null;
            try {
                receive(client, listing, file, part, arrived);
            } catch (HubException e) {
                if (e.status() >= 300) {
                    throw e;
                }
                lost = e;
            } catch (IOException e) {
                lost = e;
            }
            long have = Files.exists(part) ? Files.size(part) : 0;
            if (have > file.bytes() && file.bytes() >= 0) {
                Files.delete(part);
                throw new HubException(
                        listing.address(file) + ": expected " + file.bytes()
                                + " bytes, found more. It is another file than the hub lists: try another hub or mirror",
                        200,
                        lost);
            }
            arrived.at(have);
            if (lost == null && (file.bytes() < 0 || have == file.bytes())) {
                String found = checksum(part, file.checksum().length());
                if (file.checksum().isEmpty() || found.equals(file.checksum())) {
                    AtomicFile.move(part, blob);
                    return;
                }
                Files.delete(part);
                if (damagedBefore) {
                    throw new HubException(
                            listing.address(file) + ": expected the checksum " + file.checksum() + ", found " + found
                                    + " twice. The file is damaged at its source, or something in between changes it: try another hub or mirror",
                            200,
                            null);
                }
                damagedBefore = true;
            }
            if (attempt >= TRIES) {
                throw new HubException(
                        listing.address(file) + ": expected " + file.bytes() + " bytes, found " + have + " after "
                                + TRIES
                                + " attempts" + (lost == null ? "" : " (" + lost.getMessage() + ")")
                                + ". What came is kept: ask again to go on from there",
                        0,
                        lost);
            }
            HubClient.pause(Duration.ofMillis(lost == null ? 0 : 200L << attempt));
        }
    }

    /**
     * Appends what is missing, or begins again if the server sends all; a body that is longer than the file is left
     * where it passes the size.
     */
    private static void receive(HubClient client, HubListing listing, HubFile file, Path part, Arrived arrived)
            throws IOException {
        long have = Files.exists(part) ? Files.size(part) : 0;
        if (have > 0 && have == file.bytes()) {
            return;
        }
        if (file.bytes() >= 0 && have > file.bytes()) {
            Files.delete(part); // of another file, for what is asked here would have been stopped
            have = 0;
        }
        HttpResponse<InputStream> response =
                client.get(listing.address(file), have, Instant.now().plus(PATIENCE));
        boolean append = response.statusCode() == 206
                && response.headers().firstValue("content-range").orElse("").startsWith("bytes " + have + "-");
        try (InputStream body = client.watched(response.body())) {
            if (response.statusCode() == 416 || response.statusCode() == 206 && !append) {
                Files.delete(part);
                throw new IOException("the server did not go on at byte " + have);
            }
            try (OutputStream out = Files.newOutputStream(
                    part,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE,
                    append ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING)) {
                long before = append ? have : 0;
                copy(body, out, file.bytes() < 0 ? Long.MAX_VALUE : file.bytes() - before, before, arrived);
            }
        }
    }

    /** How much of a file has come. A part that is fetched again is taken back. */
    private static final class Arrived {
        private final LongConsumer read;
        private long told;

        Arrived(LongConsumer read) {
            this.read = read;
        }

        void at(long bytes) {
            read.accept(bytes - told);
            told = bytes;
        }
    }

    /** Copies a body, which goes on behind so many bytes, until it ends or is longer than it may be. */
    private static void copy(InputStream body, OutputStream out, long most, long before, Arrived arrived)
            throws IOException {
        byte[] buffer = new byte[1 << 16];
        long copied = 0;
        for (int n = body.read(buffer); n >= 0 && copied <= most; n = body.read(buffer)) {
            out.write(buffer, 0, n);
            copied += n;
            arrived.at(before + copied);
        }
    }

    /** SHA-256, or git's SHA-1 of a blob, which begins with its length. */
    private static String checksum(Path file, int digits) throws IOException {
        MessageDigest digest = digest(digits == 40 ? "SHA-1" : "SHA-256");
        if (digits == 40) {
            digest.update(("blob " + Files.size(file) + "\0").getBytes(StandardCharsets.UTF_8));
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * A relative link; where links are not allowed (Windows), the blob itself moves there, as huggingface_hub does it.
     */
    private static void link(Path blob, Path pointer) throws IOException {
        Files.createDirectories(pointer.getParent());
        try {
            Files.createSymbolicLink(pointer, pointer.getParent().relativize(blob));
        } catch (FileAlreadyExistsException e) {
            if (!Files.exists(pointer)) {
                Files.delete(pointer);
                Files.createSymbolicLink(pointer, pointer.getParent().relativize(blob));
            }
        } catch (IOException | UnsupportedOperationException e) {
            AtomicFile.move(blob, pointer);
        }
    }
}
