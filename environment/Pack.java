import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Copies a checkout that is set up into a folder for machines without a network. Lab.java starts it; its arguments are the checkout,
 * the folder, the model's file, the folder with Python's wheels, and the name of the Python that they are for.
 */
final class Pack {
    /** What is never handed on: results of runs, and what belongs to one machine. */
    private static final Pattern LEFT_OUT =
            Pattern.compile("notebooks/out|.*/\\.ipynb_checkpoints|.*/__pycache__|.*/\\.jupyter_cache");

    private static final List<String> COPIED = List.of(
            "LICENSE",
            "README.md",
            "README.zh.md",
            "notebooks",
            "environment/Lab.java",
            "environment/Pack.java",
            "environment/llama_cpp.py",
            "environment/offline.py",
            "environment/exercises.py",
            "environment/nbgrader_config.py",
            "environment/requirements.txt",
            "kernel/target/tunebook-kernel.jar",
            "src/target/tunebook-0.1.0.jar",
            "src/target/lib");

    private final Path root;
    private final Path folder;

    private Pack(Path root, Path folder) {
        this.root = root;
        this.folder = folder;
    }

    public static void main(String[] args) throws IOException {
        Path root = Path.of(args[0]);
        Path folder = Path.of(args[1]);
        Pack pack = new Pack(root, folder);
        for (String name : COPIED) {
            pack.copy(root.resolve(name), name);
        }
        Path model = Path.of(args[2]);
        pack.copy(model, "environment/cache/" + model.getFileName());
        Path llamaCpp = model.resolveSibling("llama.cpp");
        if (Files.isDirectory(llamaCpp)) {
            pack.copy(llamaCpp, "environment/cache/llama.cpp");
        }
        pack.copy(Path.of(args[3]), "environment/wheels");
        Files.writeString(folder.resolve("START.md"), start(args[4]), StandardCharsets.UTF_8);
        long bytes = pack.writeSums();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.printf(
                Locale.ROOT,
                "Packed: %s, %,d MB. Copy the folder; START.md in it says how to begin.%n",
                folder,
                bytes / 1_000_000);
    }

    /** A copy that is there already with its size and its time is kept, so that packing again is quick. */
    private void copy(Path from, String name) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attrs) {
                String relative = root.relativize(dir).toString().replace('\\', '/');
                return LEFT_OUT.matcher(relative).matches() ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attrs) throws IOException {
                Path to = folder.resolve(name).resolve(from.relativize(file).toString());
                boolean same = Files.exists(to)
                        && Files.size(to) == attrs.size()
                        && Files.getLastModifiedTime(to).equals(attrs.lastModifiedTime());
                if (!same) {
                    Files.createDirectories(to.getParent());
                    Files.copy(file, to, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /**
     * Writes packed.sha256, in the form that sha256sum reads, with the files that the programs are made of. Notebooks are not in
     * it, for a class works on them.
     *
     * @return the size of the whole folder, in bytes
     */
    private long writeSums() throws IOException {
        Map<String, String> sums = new TreeMap<>();
        long bytes = 0;
        List<Path> files;
        try (Stream<Path> all = Files.walk(folder)) {
            files = all.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            bytes += Files.size(file);
            String name = folder.relativize(file).toString().replace('\\', '/');
            if (name.matches(
                    "(kernel|src)/target/.*\\.jar|environment/(wheels|cache)/[^/]*\\.(whl|gguf)|environment/cache/llama\\.cpp/.*")) {
                sums.put(name, sha256(file));
            }
        }
        StringBuilder text = new StringBuilder();
        sums.forEach((name, sum) -> text.append(sum).append("  ").append(name).append('\n'));
        Files.writeString(folder.resolve("environment/packed.sha256"), text, StandardCharsets.UTF_8);
        return bytes;
    }

    private static String sha256(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
    }

    private static String start(String python) {
        return """
                # Tunebook without a network

                This folder holds the course, its programs and its model. Copy it to the disk of each machine, to a folder that
                may be written.

                Each machine needs two programs, which are not in this folder:

                - a **JDK, 17 or newer**. This folder was made with %s. Installers: https://adoptium.net
                - **Python %s**. Another minor version will not do: the packages in `environment/wheels` are built for it.
                  Installers: https://www.python.org. On Debian and Ubuntu also `python3-venv`.

                Get the two installers before the lesson and put them beside this folder. The folder was made for %s on %s;
                for another system make it anew on a machine of that kind.

                ```
                java environment/Lab.java lab             # JupyterLab
                java environment/Lab.java run --offline   # execute all chapters, with the network cut off
                java environment/Lab.java doctor          # what is there and what is missing
                ```

                The first start checks the copied files and sets the machine up, which takes a minute or two. It needs about 2 GB
                more of disk. A file that was damaged on the way is named; copy that one again.
                """.formatted(Runtime.version(), python, System.getProperty("os.name"), System.getProperty("os.arch"));
    }
}
