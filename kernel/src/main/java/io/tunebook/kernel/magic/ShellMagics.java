package io.tunebook.kernel.magic;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.ClassPath;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Files, programs and the environment. */
final class ShellMagics {
    private static final Pattern SECRET =
            Pattern.compile(".*(key|token|secret|passw|pwd|credential|auth).*", Pattern.CASE_INSENSITIVE);

    private final Shell shell;

    ShellMagics(Shell shell) {
        this.shell = shell;
    }

    List<Magic> all() {
        List<Magic> all = new ArrayList<>();
        all.add(new Magic("%%bash", "", "Runs the cell with bash.", (a, rest, body) -> script(List.of("bash"), body)));
        all.add(new Magic("%%sh", "", "Runs the cell with sh.", (a, rest, body) -> script(List.of("sh"), body)));
        all.add(new Magic(
                "%%script",
                "PROGRAM [ARGUMENT ...]",
                "Runs a program with the cell as its input.",
                (a, rest, body) -> script(a, body)));
        all.add(new Magic(
                "%cd",
                "[FOLDER]",
                "Changes the folder of magics and programs; Java's own relative paths stay where the kernel started.",
                (a, rest, body) -> cd(a.isEmpty() ? "~" : a.get(0))));
        all.add(new Magic(
                "%pwd",
                "", "Says the folder of magics and programs.", (a, rest, body) -> shell.folder()
                        .toString()));
        all.add(new Magic("%image", "FILE | URL", "Shows an image.", (a, rest, body) -> image(rest)));
        all.add(new Magic("%ls", "[PATTERN]", "Lists files.", (a, rest, body) -> ls(a.isEmpty() ? "" : a.get(0))));
        all.add(new Magic(
                "%%writefile", "[-a] FILE", "Writes the cell to a file; with -a behind what it has.", this::write));
        all.add(new Magic(
                "%env",
                "[NAME | NAME=VALUE]",
                "Shows the environment, or a variable of it, or sets one for cells and their programs.",
                typed -> shell.environment().getenv().keySet().stream()
                        .filter(n -> n.startsWith(typed))
                        .toList(),
                (a, rest, body) -> env(rest.strip())));
        return all;
    }

    private Object image(String name) throws Exception {
        if (name.isBlank()) {
            throw new IllegalArgumentException("expected a file or a URL, found nothing");
        }
        String from = name.contains("://") ? name : shell.file(name).toString();
        return shell.call(() -> Display.image(from));
    }

    private Object script(List<String> program, String body) throws Exception {
        if (program.isEmpty()) {
            throw new IllegalArgumentException("expected a program, found nothing");
        }
        int status = shell.run(program, body);
        if (status != 0) {
            throw new IOException(program.get(0) + " ended with status " + status);
        }
        return null;
    }

    private Object cd(String name) throws IOException {
        Path folder = shell.file(name);
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException("there is no folder " + folder);
        }
        shell.folder(folder.toRealPath());
        return shell.folder().toString();
    }

    private Object ls(String pattern) throws IOException {
        Path at = shell.file(pattern);
        List<Path> files;
        if (Files.isDirectory(at)) {
            try (Stream<Path> entries = Files.list(at)) {
                files = entries.filter(f -> !f.getFileName().toString().startsWith("."))
                        .sorted()
                        .toList();
            }
        } else {
            files = ClassPath.files(at.toString());
            if (files.isEmpty()) {
                throw new IllegalArgumentException("no file matches " + at);
            }
        }
        StringBuilder text = new StringBuilder();
        for (Path f : files) {
            boolean folder = Files.isDirectory(f);
            text.append(String.format(
                    Locale.ROOT,
                    "%12s  %s  %s%s%n",
                    folder ? "" : String.format(Locale.ROOT, "%,d", Files.size(f)),
                    Files.getLastModifiedTime(f).toString().substring(0, 16).replace('T', ' '),
                    f.getFileName(),
                    folder ? "/" : ""));
        }
        System.out.print(text);
        return null;
    }

    private Object write(List<String> arguments, String rest, String body) throws IOException {
        boolean append = arguments.contains("-a") || arguments.contains("--append");
        List<String> names = arguments.stream()
                .filter(a -> !a.equals("-a") && !a.equals("--append"))
                .toList();
        if (names.size() != 1) {
            throw new IllegalArgumentException("expected one file, found " + names);
        }
        Path file = shell.file(names.get(0));
        boolean there = Files.exists(file);
        if (append) {
            Files.writeString(file, body, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } else {
            Files.writeString(file, body, StandardCharsets.UTF_8);
        }
        System.out.println((append ? "Appended to " : there ? "Overwrote " : "Wrote ") + names.get(0));
        return null;
    }

    private Object env(String text) {
        if (text.isEmpty()) {
            Map<String, String> all = new TreeMap<>();
            shell.environment()
                    .getenv()
                    .forEach((name, value) -> all.put(name, SECRET.matcher(name).matches() ? "<hidden>" : value));
            return all;
        }
        String[] parts = text.split("\\s*=\\s*|\\s+", 2);
        if (parts.length == 1) {
            String value = shell.environment().getenv(parts[0]);
            if (value == null) {
                throw new IllegalArgumentException("there is no environment variable " + parts[0]);
            }
            return value;
        }
        shell.environment().set(parts[0], parts[1]);
        System.out.println("env: " + parts[0] + "=" + (SECRET.matcher(parts[0]).matches() ? "<hidden>" : parts[1]));
        return null;
    }

    /** The cell as one kind of content. */
    static List<Magic> contents() {
        List<Magic> all = new ArrayList<>();
        all.add(content("%%html", "HTML", Display::html));
        all.add(content("%%markdown", "Markdown", Display::markdown));
        all.add(content("%%latex", "LaTeX", Display::latex));
        all.add(content("%%svg", "SVG", Display::svg));
        all.add(content(
                "%%javascript",
                "JavaScript, run by the frontend",
                text -> MimeBundle.of("application/javascript", text, MimeBundle.TEXT, "<JavaScript>")));
        return all;
    }

    private static Magic content(String name, String what, java.util.function.Function<String, MimeBundle> bundle) {
        return new Magic(name, "", "Shows the cell as " + what + ".", (a, rest, body) -> {
            Display.display(bundle.apply(body));
            return null;
        });
    }
}
