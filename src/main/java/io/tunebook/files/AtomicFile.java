package io.tunebook.files;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Files that appear under their names only when they are whole: written beside their place, forced to the disk and
 * moved. What was there before stays until then, and when writing fails.
 */
public final class AtomicFile {
    /** Threads that write one file at the same time write beside each other; which is the reason for this state. */
    private static final AtomicLong PARTS = new AtomicLong();

    private AtomicFile() {}

    /** What a file is to hold. */
    @FunctionalInterface
    public interface Content {
        /** @param part where to write it */
        void write(Path part) throws IOException;
    }

    /**
     * Writes a file. While it is written it has the name of the file, the process, a number and {@code .part}, in the
     * same folder; that one is deleted if writing fails.
     *
     * @param file in a folder that exists
     * @throws IOException if it cannot be written, forced to the disk or moved
     */
    public static void write(Path file, Content content) throws IOException {
        Path part = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid() + "-" + PARTS.incrementAndGet() + ".part");
        try {
            content.write(part);
            force(part);
            move(part, file);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /** Writes a file that holds these bytes. */
    public static void write(Path file, byte[] bytes) throws IOException {
        write(file, part -> Files.write(part, bytes));
    }

    /** Gives a whole file its name, in one step where the file system can do that; a file of that name is replaced. */
    public static void move(Path part, Path file) throws IOException {
        try {
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Waits until a file is on the disk. Not by a channel, which an interrupt of the thread would close. */
    public static void force(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.getFD().sync();
        }
    }
}
