package io.tunebook.kernel.install;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.files.PlainJson;
import io.tunebook.kernel.launch.KernelProcess;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * Writes and removes kernelspecs. An installed kernel is one folder: the jar, its archive of preloaded classes, the
 * logos and kernel.json.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs">Kernel specs</a>
 */
public final class KernelSpecInstaller {
    static final List<String> LOGOS = List.of("logo-32x32.png", "logo-64x64.png", "logo-svg.svg");
    static final String JAR = "tunebook-kernel.jar";
    private static final String ARCHIVE = ClassArchive.NAME;

    private static final String USAGE = """
            Usage: java -jar tunebook-kernel.jar install [OPTION ...]
                   java -jar tunebook-kernel.jar uninstall [--user | --sys-prefix | --prefix DIR] [--name NAME]

            Where to (one of them):
              --user               for this user; the default
              --sys-prefix         for the active Python environment
              --prefix DIR         into DIR/share/jupyter/kernels

            What:
              --name NAME          the kernel's name for Jupyter; default: tunebook
              --display-name TEXT  its name for people; default: Java (Tunebook)
              --class-path PATH    jars and folders that all notebooks have; DIR/* stands for all jars of DIR
              --env KEY=VALUE      an environment variable of the kernel; may be repeated
              --jvm-option OPTION  such as -Xmx4g; may be repeated
              --preview            Java's preview features
              --help               this text

            The kernel runs on the JDK that runs this command.
            """;

    private final List<String> jvmOptions = new ArrayList<>();
    private final Map<String, String> environment = new TreeMap<>();
    private Path kernels;
    private String name = "tunebook";
    private String displayName = "Java (Tunebook)";
    private String classPath = "";

    private KernelSpecInstaller() {}

    /**
     * The command {@code install}.
     *
     * @return the exit status
     */
    public static int install(List<String> args) throws InterruptedException {
        return command(args, KernelSpecInstaller::install);
    }

    /**
     * The command {@code uninstall}.
     *
     * @return the exit status
     */
    public static int uninstall(List<String> args) throws InterruptedException {
        return command(args, KernelSpecInstaller::uninstall);
    }

    private interface Action {
        void run(KernelSpecInstaller installer) throws IOException, InterruptedException;
    }

    private static int command(List<String> args, Action action) throws InterruptedException {
        if (args.contains("--help")) {
            System.out.print(USAGE);
            return 0;
        }
        try {
            KernelSpecInstaller installer = new KernelSpecInstaller();
            installer.parse(args);
            action.run(installer);
            return 0;
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage() + "\n");
            System.err.print(USAGE);
            return 2;
        } catch (IOException e) {
            System.err.println(e instanceof java.nio.file.FileSystemException ? e.toString() : e.getMessage());
            return 1;
        }
    }

    private void parse(List<String> args) throws IOException, InterruptedException {
        for (int i = 0; i < args.size(); i++) {
            switch (args.get(i)) {
                case "--user" -> into(userData());
                case "--sys-prefix" -> into(pythonPrefix().resolve("share").resolve("jupyter"));
                case "--preview" -> {
                    jvmOptions.add("--enable-preview");
                    environment.put(
                            "TUNEBOOK_COMPILER_OPTS",
                            "--enable-preview --source " + Runtime.version().feature());
                }
                case "--prefix" ->
                    into(Path.of(value(args, i++)).resolve("share").resolve("jupyter"));
                case "--name" -> name = value(args, i++);
                case "--display-name" -> displayName = value(args, i++);
                case "--class-path" -> classPath = absolute(value(args, i++));
                case "--jvm-option" -> jvmOptions.add(value(args, i++));
                case "--env" -> {
                    String[] pair = value(args, i++).split("=", 2);
                    if (pair.length < 2 || pair[0].isEmpty()) {
                        throw new IllegalArgumentException("--env: expected KEY=VALUE, found " + args.get(i));
                    }
                    environment.put(pair[0], pair[1]);
                }
                default -> throw new IllegalArgumentException("there is no option " + args.get(i));
            }
        }
        if (!name.matches("[A-Za-z0-9._-]+")) {
            throw new IllegalArgumentException("--name: expected letters, digits, '.', '_' and '-', found " + name);
        }
        if (kernels == null) {
            into(userData());
        }
    }

    private static String value(List<String> args, int option) {
        if (option + 1 == args.size()) {
            throw new IllegalArgumentException("expected a value after " + args.get(option) + ", found nothing");
        }
        return args.get(option + 1);
    }

    private void into(Path jupyterData) {
        if (kernels != null) {
            throw new IllegalArgumentException("expected one of --user, --sys-prefix and --prefix, found two");
        }
        kernels = jupyterData.resolve("kernels").toAbsolutePath().normalize();
    }

    /** Kernels start in the notebook's folder, so nothing relative may stay. */
    private static String absolute(String classPath) {
        List<String> entries = new ArrayList<>();
        for (String entry : classPath.split(File.pathSeparator)) {
            boolean all = entry.endsWith("*");
            Path path = Path.of(all ? entry.substring(0, entry.length() - 1) : entry)
                    .toAbsolutePath();
            entries.add(all ? path + File.separator + "*" : path.toString());
        }
        return String.join(File.pathSeparator, entries);
    }

    /** @see <a href="https://docs.jupyter.org/en/stable/use/jupyter-directories.html">Where Jupyter looks</a> */
    private static Path userData() {
        String set = System.getenv("JUPYTER_DATA_DIR");
        Path home = Path.of(System.getProperty("user.home"));
        String os = System.getProperty("os.name");
        if (set != null && !set.isBlank()) {
            return Path.of(set);
        } else if (os.startsWith("Windows")) {
            String roaming = System.getenv("APPDATA");
            return (roaming == null ? home.resolve("AppData").resolve("Roaming") : Path.of(roaming)).resolve("jupyter");
        } else if (os.startsWith("Mac")) {
            return home.resolve("Library").resolve("Jupyter");
        }
        String xdg = System.getenv("XDG_DATA_HOME");
        return (xdg == null || xdg.isBlank() ? home.resolve(".local").resolve("share") : Path.of(xdg))
                .resolve("jupyter");
    }

    private static Path pythonPrefix() throws IOException, InterruptedException {
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            String prefix = System.getenv(variable);
            if (prefix != null && !prefix.isBlank()) {
                return Path.of(prefix);
            }
        }
        for (String python : List.of("python3", "python")) {
            Optional<String> prefix = answer(List.of(python, "-c", "import sys; print(sys.prefix)"));
            if (prefix.isPresent()) {
                return Path.of(prefix.get());
            }
        }
        throw new IllegalArgumentException("--sys-prefix: there is no active environment, and no python3 on the path");
    }

    private static Optional<String> answer(List<String> command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            return Optional.empty(); // there is no such program
        }
        process.getOutputStream().close();
        CompletableFuture<byte[]> output = CompletableFuture.supplyAsync(() -> {
            try {
                return process.getInputStream().readAllBytes();
            } catch (IOException e) {
                return new byte[0];
            }
        });
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS) || process.exitValue() != 0) {
                return Optional.empty();
            }
            String text = new String(output.get(10, TimeUnit.SECONDS), StandardCharsets.UTF_8).strip();
            return text.isEmpty() ? Optional.empty() : Optional.of(text);
        } catch (ExecutionException | TimeoutException e) {
            return Optional.empty(); // a program it started keeps its output open
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    private void install() throws IOException, InterruptedException {
        Path jar = KernelProcess.home();
        if (!Files.isRegularFile(jar)) {
            throw new IOException(
                    "expected to run from " + JAR + ", found classes in " + jar + ". Build it: mvn package");
        }
        Path folder = Files.createDirectories(kernels.resolve(name));
        Path spec = folder.resolve("kernel.json");
        Files.deleteIfExists(spec); // until all is there, Jupyter sees no kernel
        Files.deleteIfExists(folder.resolve(ARCHIVE));
        if (!jar.equals(folder.resolve(JAR))) {
            copy(Files.newInputStream(jar), folder.resolve(JAR));
        }
        for (String logo : LOGOS) {
            copy(logo(logo), folder.resolve(logo));
        }
        List<String> start = command(folder, "-XX:ArchiveClassesAtExit=" + folder.resolve(ARCHIVE));
        FirstRun.run(start, environment);
        boolean archived = Files.exists(folder.resolve(ARCHIVE));
        List<String> argv = archived
                ? command(
                        folder,
                        ClassArchive.options(folder.resolve(ARCHIVE).toString()).toArray(String[]::new))
                : command(folder);
        if (archived) {
            ClassArchive.made(folder);
        }
        byte[] text = spec(argv, displayName, environment);
        AtomicWrite.write(spec, out -> out.write(text));
        System.out.println("Installed the kernel " + name + " in " + folder
                + (archived ? "" : ", without an archive of classes: it starts slower"));
    }

    static InputStream logo(String name) {
        return KernelSpecInstaller.class.getResourceAsStream("/kernelspec/" + name);
    }

    /** A kernel.json. */
    static byte[] spec(List<String> argv, String displayName, Map<String, String> environment) throws IOException {
        ObjectMapper json = PlainJson.mapper();
        ObjectNode content = json.createObjectNode();
        argv.forEach(content.putArray("argv")::add);
        content.put("display_name", displayName);
        content.put("language", "java");
        content.put("interrupt_mode", "message");
        content.set("env", json.valueToTree(environment));
        content.putObject("metadata").put("debugger", true);
        return json.writerWithDefaultPrettyPrinter().writeValueAsBytes(content);
    }

    private List<String> command(Path folder, String... more) {
        List<String> options = new ArrayList<>(List.of(more));
        options.addAll(jvmOptions);
        List<String> command = KernelProcess.command(
                KernelProcess.java().toString(), folder.resolve(JAR).toString(), options);
        command.add("kernel");
        if (!classPath.isEmpty()) {
            command.addAll(List.of("--class-path", classPath));
        }
        command.add("{connection_file}");
        return command;
    }

    private static void copy(InputStream content, Path to) throws IOException {
        try (content) {
            AtomicWrite.write(to, content::transferTo);
        }
    }

    private void uninstall() throws IOException {
        Path folder = kernels.resolve(name);
        Path spec = folder.resolve("kernel.json");
        if (!Files.exists(spec)
                || !Files.readString(spec, StandardCharsets.UTF_8).contains(JAR)) {
            throw new IOException("there is no kernel of Tunebook in " + folder);
        }
        Files.delete(spec);
        List<Path> files;
        try (Stream<Path> list = Files.list(folder)) {
            files = list.toList();
        }
        for (Path file : files) {
            Files.delete(file);
        }
        Files.delete(folder);
        System.out.println("Removed the kernel " + name + " from " + folder);
    }
}
