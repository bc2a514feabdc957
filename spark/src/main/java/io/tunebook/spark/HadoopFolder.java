package io.tunebook.spark;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.prepare.PartFile;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Files of a folder in one of Hadoop's file systems. They appear under their names when they are whole. */
final class HadoopFolder implements Serializable {
    private static final long serialVersionUID = 1;

    private final String folder;
    /** Goes to the executors as plain strings, since Hadoop's own class is not serializable. */
    private final HashMap<String, String> settings = new HashMap<>();

    private transient Configuration configuration;

    /** @param folder a relative one is of this process's working folder, not of an executor's */
    HadoopFolder(String folder, Configuration configuration) throws IOException {
        Path path = new Path(folder);
        this.folder = path.getFileSystem(configuration).makeQualified(path).toString();
        configuration.forEach(e -> settings.put(e.getKey(), e.getValue()));
    }

    HadoopFolder within(String name) throws IOException {
        return new HadoopFolder(folder + "/" + name, configuration());
    }

    private Configuration configuration() {
        if (configuration == null) {
            Configuration made = new Configuration(false);
            settings.forEach(made::set);
            configuration = made;
        }
        return configuration;
    }

    private FileSystem system(Path path) throws IOException {
        FileSystem system = path.getFileSystem(configuration());
        if (system.getScheme().equals("file")) {
            system.setWriteChecksum(false); // no .crc files beside ours: the manifest has its own checksums
            system.setVerifyChecksum(false);
        }
        return system;
    }

    private Path path(String name) {
        return new Path(folder, name);
    }

    /** The files of a glob, a folder or a file with their sizes; hidden ones are left out, as a corpus does. */
    Map<String, Long> list(String glob) throws IOException {
        Map<String, Long> files = new TreeMap<>();
        Path pattern = new Path(glob);
        FileStatus[] found = system(pattern).globStatus(pattern);
        if (found == null || found.length == 0) {
            throw new FileNotFoundException(glob + ": expected files, found none");
        }
        for (FileStatus one : found) {
            collect(one, files);
        }
        return files;
    }

    private void collect(FileStatus status, Map<String, Long> files) throws IOException {
        if (status.isFile()) {
            files.put(status.getPath().toString(), status.getLen());
            return;
        }
        for (FileStatus child : system(status.getPath()).listStatus(status.getPath())) {
            String name = child.getPath().getName();
            if (!name.startsWith(".") && !name.startsWith("_")) {
                collect(child, files);
            }
        }
    }

    /**
     * A file of any file system on this machine: where it lies, or a copy.
     *
     * @param temporary where a copy goes
     */
    java.nio.file.Path local(String file, java.nio.file.Path temporary) throws IOException {
        Path path = new Path(file);
        FileSystem system = system(path);
        if (system.getScheme().equals("file")) {
            return java.nio.file.Path.of(path.toUri().getPath());
        }
        java.nio.file.Path copy = temporary.resolve(path.getName());
        try (InputStream in = system.open(path)) {
            Files.copy(in, copy);
        }
        return copy;
    }

    boolean exists(String name) throws IOException {
        return system(path(name)).exists(path(name));
    }

    long size(String name) throws IOException {
        return system(path(name)).getFileStatus(path(name)).getLen();
    }

    InputStream open(String name) throws IOException {
        return system(path(name)).open(path(name));
    }

    byte[] bytes(String name) throws IOException {
        try (InputStream in = open(name)) {
            return in.readAllBytes();
        }
    }

    /** Reads of one file, which stays open until the source is closed. */
    Source source(String name) {
        return new Source(name);
    }

    final class Source implements PartFile.Source, AutoCloseable {
        private final String name;
        private FSDataInputStream open;

        private Source(String name) {
            this.name = name;
        }

        @Override
        public void read(long at, byte[] into) throws IOException {
            if (open == null) {
                open = system(path(name)).open(path(name));
            }
            open.readFully(at, into);
        }

        @Override
        public void close() throws IOException {
            if (open != null) {
                open.close();
                open = null;
            }
        }
    }

    /** A report that was written; null if there is none. */
    <T> T read(String name, Class<T> type) throws IOException {
        return exists(name) ? Json.files().readValue(bytes(name), type) : null;
    }

    void write(String name, Object report) throws IOException {
        JsonNode tree = Json.files().valueToTree(report);
        write(name, Json.files().writeValueAsBytes(tree));
    }

    void write(String name, byte[] bytes) throws IOException {
        java.nio.file.Path file = Files.createTempFile("tunebook", ".part");
        try {
            Files.write(file, bytes);
            write(name, file);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** Writes a copy of a local file, beside its place and then moved. Two attempts of a task write the same. */
    void write(String name, java.nio.file.Path file) throws IOException {
        Path to = path(name);
        FileSystem system = system(to);
        Path part = path("_" + name + "." + UUID.randomUUID());
        system.mkdirs(to.getParent());
        try {
            try (OutputStream out = system.create(part, true)) {
                Files.copy(file, out);
            }
            system.delete(to, false);
            if (!system.rename(part, to) && !system.exists(to)) {
                throw new IOException(part + " could not be moved to " + to);
            }
        } finally {
            system.delete(part, false);
        }
    }

    void delete(String name) throws IOException {
        system(path(name)).delete(path(name), true);
    }

    void delete() throws IOException {
        system(new Path(folder)).delete(new Path(folder), true);
    }
}
