package io.tunebook.kernel.launch;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The options of the JVM that a notebook asks for in its first cell: {@code %%jvm -Xmx4g}, or one on each line below
 * {@code %%jvm}.
 *
 * @param options each as one word, such as {@code --add-modules=jdk.incubator.vector}
 */
public record JvmOptions(List<String> options) {
    /** The magic's name. */
    public static final String MAGIC = "%%jvm";

    /** By this property a JVM knows with which of them it was started. */
    private static final String PROPERTY = "io.tunebook.kernel.jvm";

    private static final Pattern CELL = Pattern.compile("\\s*" + MAGIC + "\\b([\\s\\S]*)");
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");
    /** Those whose value may stand behind a space. */
    private static final Set<String> WITH_VALUE = Set.of(
            "--add-modules",
            "--add-exports",
            "--add-opens",
            "--add-reads",
            "--limit-modules",
            "--enable-native-access");
    /** Those that the compiler needs too. */
    private static final Set<String> OF_COMPILER = Set.of("--add-modules", "--add-exports", "--add-reads");

    private static final Set<String> KERNELS =
            Set.of("-cp", "-classpath", "--class-path", "-jar", "-p", "--module-path");

    public JvmOptions {
        options = List.copyOf(options);
    }

    /** What a cell asks for, or empty if it is another cell. */
    public static Optional<JvmOptions> ofCell(String source) {
        Matcher cell = CELL.matcher(source);
        return cell.matches() ? Optional.of(parse(cell.group(1))) : Optional.empty();
    }

    /**
     * Reads options from a text of words; quotes hold words together, and lines that begin with {@code #} or {@code //}
     * are comments.
     *
     * @throws IllegalArgumentException if it holds none, or what is no option
     */
    public static JvmOptions parse(String text) {
        List<String> found = new ArrayList<>();
        Matcher word = WORD.matcher(text.replaceAll("(?m)^\\s*(#|//).*", ""));
        while (word.find()) {
            String next = word.group(1) != null ? word.group(1) : word.group(2);
            String last = found.isEmpty() ? "" : found.get(found.size() - 1);
            if (WITH_VALUE.contains(last)) {
                found.set(found.size() - 1, last + "=" + next);
            } else if (KERNELS.contains(next)) {
                throw new IllegalArgumentException(next + " is the kernel's own; %classpath and %maven add libraries");
            } else if (!next.startsWith("-")) {
                throw new IllegalArgumentException("expected options of the JVM, such as -Xmx4g, found " + next);
            } else {
                found.add(next);
            }
        }
        if (found.isEmpty()) {
            throw new IllegalArgumentException("expected options of the JVM, such as -Xmx4g, found nothing");
        }
        return new JvmOptions(found);
    }

    /** Whether this JVM was started with them. */
    public boolean isCurrent() {
        return toString().equals(System.getProperty(PROPERTY));
    }

    /** What the command of such a JVM has: the options, and what tells it of them. */
    public List<String> command() {
        List<String> all = new ArrayList<>(options);
        all.add("-D" + PROPERTY + "=" + this);
        return all;
    }

    /** The options of javac that belong to them, behind those that are there already. */
    public List<String> compilerOptions(List<String> before) {
        List<String> all = new ArrayList<>(before);
        for (String option : options) {
            if (option.equals("--enable-preview") && !before.contains(option)) {
                all.addAll(List.of(
                        option, "--source", String.valueOf(Runtime.version().feature())));
            } else if (OF_COMPILER.contains(option.replaceAll("=.*", ""))) {
                all.add(option);
            }
        }
        return all;
    }

    @Override
    public String toString() {
        return String.join(" ", options);
    }
}
