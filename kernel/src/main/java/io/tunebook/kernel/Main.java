package io.tunebook.kernel;

import io.tunebook.kernel.install.ClassArchive;
import io.tunebook.kernel.install.KernelSpecInstaller;
import io.tunebook.kernel.install.Wheel;
import io.tunebook.kernel.launch.Version;
import io.tunebook.kernel.notebook.NotebookRunner;
import io.tunebook.kernel.server.Kernel;
import io.tunebook.kernel.session.Settings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.logging.Logger;

/** The jar's commands. */
public final class Main {
    private static final String LOG_FORMAT = "java.util.logging.SimpleFormatter.format";

    private static final String USAGE = """
            Usage: java -jar tunebook-kernel.jar COMMAND [OPTION ...]

              kernel [--class-path PATH] CONNECTION_FILE   serves a frontend; Jupyter does this
              install, uninstall                           put the kernel where Jupyter looks, or remove it
              wheel                                        writes a wheel, which pip installs
              run                                          executes notebooks without a frontend
              --version                                    prints the version

            COMMAND --help says more.
            """;

    private Main() {}

    public static void main(String[] args) throws Exception {
        List<String> rest = List.of(args).subList(Math.min(1, args.length), args.length);
        holdLog();
        int status =
                switch (args.length == 0 ? "" : args[0]) {
                    case "kernel" -> kernel(rest);
                    case "install" -> KernelSpecInstaller.install(rest);
                    case "uninstall" -> KernelSpecInstaller.uninstall(rest);
                    case "wheel" -> Wheel.command(rest);
                    case "run" -> NotebookRunner.run(rest);
                    case "execute" -> NotebookRunner.execute(rest);
                    case "--version" -> print(Version.current() + "\n");
                    case "--help", "-h" -> print(USAGE);
                    default -> {
                        System.err.print(USAGE);
                        yield 2;
                    }
                };
        System.out.flush();
        System.err.flush();
        // Threads that a cell left behind must not keep the process.
        Runtime.getRuntime().halt(status);
    }

    /**
     * The log's handlers keep the standard error of now: once a session has it, what the kernel logs would stand among
     * a cell's output.
     */
    private static void holdLog() {
        if (System.getProperty(LOG_FORMAT) == null) {
            System.setProperty(LOG_FORMAT, "%1$tF %1$tT %4$s %3$s: %5$s%6$s%n"); // one line a message
        }
        Logger.getLogger("").getHandlers();
    }

    private static int print(String text) {
        System.out.print(text);
        return 0;
    }

    private static int kernel(List<String> args) {
        boolean hasClassPath = args.size() == 3 && args.get(0).equals("--class-path");
        if (args.size() != 1 && !hasClassPath) {
            System.err.print(USAGE);
            return 2;
        }
        ClassArchive.makeLater();
        try {
            return Kernel.run(
                    Path.of(args.get(args.size() - 1)), Settings.fromEnvironment(hasClassPath ? args.get(1) : ""));
        } catch (IOException | IllegalArgumentException e) {
            System.err.println(e.getMessage());
            return 2;
        }
    }
}
