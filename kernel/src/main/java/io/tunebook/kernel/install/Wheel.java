package io.tunebook.kernel.install;

import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.launch.Version;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.LocalDateTime;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes a wheel: {@code pip install} of that file puts the kernel into the Python environment, for the {@code java} on
 * the path. A wheel runs nothing when it is installed, so the kernel makes its archive of classes when it is first
 * started, see {@link ClassArchive}.
 *
 * @see <a href="https://packaging.python.org/en/latest/specifications/binary-distribution-format/">Binary distribution
 *     format</a>
 */
public final class Wheel {
    private static final String VERSION = Version.current();
    private static final String NAME = "tunebook_kernel-" + VERSION;
    private static final String KERNEL = NAME + ".data/data/share/jupyter/kernels/tunebook/";

    /** In the first year that a zip file can tell; for its very first second Java writes a time with a zone besides. */
    private static final LocalDateTime FIRST = LocalDateTime.of(1980, 2, 1, 0, 0);

    private static final String LICENSES = NAME + ".dist-info/licenses/";

    private Wheel() {}

    /**
     * The command {@code wheel [FOLDER]}.
     *
     * @return the exit status
     */
    public static int command(List<String> args) throws IOException {
        if (args.size() > 1 || args.stream().anyMatch(a -> a.startsWith("-"))) {
            System.err.println("Usage: java -jar tunebook-kernel.jar wheel [FOLDER]");
            return 2;
        }
        Path jar = KernelProcess.home();
        if (!Files.isRegularFile(jar)) {
            System.err.println("expected to run from the kernel's jar, found classes in " + jar);
            return 1;
        }
        Path folder = Files.createDirectories(Path.of(args.isEmpty() ? "." : args.get(0)));
        System.out.println(write(jar, folder));
        return 0;
    }

    private static Path write(Path jar, Path folder) throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put(KERNEL + KernelSpecInstaller.JAR, Files.readAllBytes(jar));
        for (String logo : KernelSpecInstaller.LOGOS) {
            files.put(KERNEL + logo, KernelSpecInstaller.logo(logo).readAllBytes());
        }
        licenses(jar, files);
        List<String> argv = KernelProcess.command(
                "java",
                "{resource_dir}/" + KernelSpecInstaller.JAR,
                ClassArchive.options("{resource_dir}/" + ClassArchive.NAME));
        argv.addAll(List.of("kernel", "{connection_file}"));
        files.put(KERNEL + "kernel.json", KernelSpecInstaller.spec(argv, "Java (Tunebook)", Map.of()));
        text(files, "METADATA", """
                Metadata-Version: 2.4
                Name: tunebook-kernel
                Version: %s
                Summary: A Java kernel for Jupyter
                License-Expression: Apache-2.0
                License-File: META-INF/LICENSE
                License-File: META-INF/NOTICE
                Requires-Python: >=3.8
                Keywords: jupyter,kernel,java
                Classifier: Framework :: Jupyter
                Classifier: Programming Language :: Java
                Description-Content-Type: text/markdown

                # Java in Jupyter

                A kernel for JupyterLab, Notebook, VS Code and nbclient. It runs on the `java` on the path, 17 or newer.
                Variables keep their values whatever is redefined, everything can be interrupted, and errors speak of the
                cell's lines. `%%maven group:artifact:version` adds a library.
                """.formatted(VERSION));
        text(files, "WHEEL", """
                Wheel-Version: 1.0
                Generator: tunebook-kernel (%s)
                Root-Is-Purelib: true
                Tag: py3-none-any
                """.formatted(VERSION));
        StringBuilder record = new StringBuilder();
        files.forEach(
                (name, content) -> record.append(name + ",sha256=" + hash(content) + "," + content.length + "\n"));
        text(files, "RECORD", record.append(NAME + ".dist-info/RECORD,,\n").toString());
        Path wheel = folder.resolve(NAME + "-py3-none-any.whl");
        AtomicWrite.write(wheel, out -> {
            ZipOutputStream zip = new ZipOutputStream(out);
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                ZipEntry entry = new ZipEntry(file.getKey());
                entry.setTimeLocal(FIRST); // the same jar gives the same wheel, whatever the time zone
                zip.putNextEntry(entry);
                zip.write(file.getValue());
                zip.closeEntry();
            }
            zip.finish();
        });
        return wheel;
    }

    /** This project's licence and those of what the jar contains. */
    private static void licenses(Path jar, Map<String, byte[]> files) throws IOException {
        try (JarFile content = new JarFile(jar.toFile())) {
            for (JarEntry entry : Collections.list(content.entries())) {
                String name = entry.getName();
                if (!entry.isDirectory() && name.matches("META-INF/(LICENSE|NOTICE|third-party/.*)")) {
                    try (InputStream in = content.getInputStream(entry)) {
                        files.put(LICENSES + name, in.readAllBytes());
                    }
                }
            }
        }
    }

    private static void text(Map<String, byte[]> files, String name, String content) {
        files.put(NAME + ".dist-info/" + name, content.getBytes(StandardCharsets.UTF_8));
    }

    private static String hash(byte[] content) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
            return Base64.getUrlEncoder().withoutPadding().encodeToString(hash);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every Java platform has SHA-256
        }
    }
}
