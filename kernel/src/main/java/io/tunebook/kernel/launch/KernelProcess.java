package io.tunebook.kernel.launch;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How a JVM with this kernel is started: by Jupyter, from the kernelspec, and by the headless runner. */
public final class KernelProcess {
    /** UTF-8 whatever the platform's default (JDK 17 asks the locale), and no window system. */
    private static final List<String> OPTIONS = List.of("-Dfile.encoding=UTF-8", "-Djava.awt.headless=true");

    /**
     * The packages of java.base that Spark documents for its JVMs; Arrow and many others need of them. The jar's
     * manifest opens the same: as options they would make each start slower.
     */
    static final List<String> OPENED = List.of(
            "java.io",
            "java.lang",
            "java.lang.invoke",
            "java.lang.reflect",
            "java.net",
            "java.nio",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "jdk.internal.ref",
            "sun.nio.ch",
            "sun.nio.cs",
            "sun.security.action",
            "sun.util.calendar");

    private static final String MAIN = "io.tunebook.kernel.Main";

    private KernelProcess() {}

    /** The jar this runs from, or the folder of classes in a test. */
    public static Path home() {
        try {
            return Path.of(KernelProcess.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e); // the JVM made it from a path
        }
    }

    /** The java executable of the running JDK. */
    public static Path java() {
        boolean windows = File.separatorChar == '\\';
        return Path.of(System.getProperty("java.home"), "bin", windows ? "java.exe" : "java");
    }

    /** The command line of this very kernel up to its main class; what it is told comes after it. */
    public static List<String> command(List<String> jvmOptions) {
        if (Files.isRegularFile(home())) {
            return command(java().toString(), home().toString(), jvmOptions);
        }
        List<String> command = start(java().toString());
        OPENED.stream()
                .filter(Object.class.getModule().getPackages()::contains) // an unknown one is a warning at each start
                .forEach(name -> command.add("--add-opens=java.base/" + name + "=ALL-UNNAMED"));
        command.addAll(jvmOptions);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), MAIN));
        return command;
    }

    /** The command line of this very JVM up to its main class, with further options. */
    public static List<String> again(List<String> jvmOptions) {
        List<String> command = new ArrayList<>(List.of(java().toString()));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(jvmOptions);
        command.addAll(
                Files.isRegularFile(home())
                        ? List.of("-jar", home().toString())
                        : List.of("-cp", System.getProperty("java.class.path"), MAIN));
        return command;
    }

    /** The same for a java and a jar elsewhere. */
    public static List<String> command(String java, String jar, List<String> jvmOptions) {
        List<String> command = start(java);
        command.addAll(jvmOptions);
        command.addAll(List.of("-jar", jar));
        return command;
    }

    private static List<String> start(String java) {
        List<String> command = new ArrayList<>(List.of(java));
        command.addAll(OPTIONS);
        return command;
    }
}
