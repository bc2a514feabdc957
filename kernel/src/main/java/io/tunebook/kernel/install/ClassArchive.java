package io.tunebook.kernel.install;

import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.launch.KernelProcess;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The JVM's archive of the classes that a start needs, beside the jar. {@code install} makes it; a kernel that came by
 * pip makes it after its first start, in a process of low importance, and makes it anew where another JDK runs it.
 *
 * @see <a href="https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html">Class data sharing</a>
 */
public final class ClassArchive {
    /** The file's name. */
    static final String NAME = "tunebook-kernel.jsa";

    /** Says to a kernel that it runs for the archive's sake. */
    static final String MAKING = "TUNEBOOK_MAKES_ARCHIVE";

    private static final System.Logger LOG = System.getLogger(ClassArchive.class.getName());
    private static final String MADE_BY = NAME + ".jdk";
    private static final long AFTER_START = 20_000; // ms

    private ClassArchive() {}

    /**
     * The JVM's options for a kernel with an archive; where it is missing or another JDK's, the JVM goes without and is
     * silent.
     */
    static List<String> options(String archive) {
        return List.of("-XX:SharedArchiveFile=" + archive, "-Xshare:auto", "-Xlog:disable");
    }

    /** Notes that the archive of this folder is of this JDK. */
    static void made(Path folder) throws IOException {
        Files.writeString(folder.resolve(MADE_BY), jdk());
    }

    private static String jdk() {
        return System.getProperty("java.vm.vendor") + " " + Runtime.version();
    }

    /** Makes the archive in a while, if this kernel runs from an installed jar that has none for this JDK. */
    public static void makeLater() {
        Path jar = KernelProcess.home();
        Path folder = jar.toAbsolutePath().getParent();
        if (System.getenv(MAKING) != null
                || !Files.isRegularFile(jar)
                || !Files.exists(folder.resolve("kernel.json"))
                || isMade(folder)
                || !Files.isWritable(folder)) {
            return;
        }
        Thread thread = new Thread(() -> {
            try {
                Thread.sleep(AFTER_START);
                make(jar, folder);
            } catch (IOException | InterruptedException e) {
                LOG.log(System.Logger.Level.DEBUG, "there is no archive of classes: starts stay slower", e);
            }
        });
        thread.setDaemon(true);
        thread.setName("archive of classes");
        thread.start();
    }

    private static boolean isMade(Path folder) {
        try {
            return Files.readString(folder.resolve(MADE_BY)).equals(jdk());
        } catch (IOException e) {
            return false;
        }
    }

    /** Makes the archive, unless another kernel is at it. */
    static void make(Path jar, Path folder) throws IOException, InterruptedException {
        Path part = folder.resolve(NAME + ".part");
        try (FileChannel channel = FileChannel.open(
                        folder.resolve(NAME + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock == null || isMade(folder)) {
                return;
            }
            made(folder); // also if it fails below: not every start is to try again
            List<String> command = new ArrayList<>(KernelProcess.command(
                    KernelProcess.java().toString(), jar.toString(), List.of("-XX:ArchiveClassesAtExit=" + part)));
            command.addAll(List.of("kernel", "{connection_file}"));
            FirstRun.run(command, Map.of(MAKING, "yes"));
            if (Files.exists(part)) {
                AtomicWrite.move(part, folder.resolve(NAME));
            }
        } finally {
            Files.deleteIfExists(part);
        }
    }
}
