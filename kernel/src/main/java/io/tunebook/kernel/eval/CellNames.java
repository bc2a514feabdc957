package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names as a cell's author knows them. JShell puts each snippet into a class such as {@code REPL.$JShell$12}, and that
 * shows in the names of classes, in stack traces and in the JVM's messages.
 */
public final class CellNames {
    /** What all classes that JShell generates begin with. */
    static final String GENERATED = "REPL.$JShell$";

    private static final String CLASS = "REPL[./]\\$JShell\\$\\d+[A-Z]*";
    private static final Pattern NAME = Pattern.compile("(?:cells//?)?" + CLASS + "(?:\\$(?!\\$)|[./](?=[\\w$]))?");
    private static final Pattern WRAPPER = Pattern.compile("^(" + CLASS + ")");
    private static final Pattern FRAME = Pattern.compile("(?m)^([ \\t]*at )(?:cells//?)?" + CLASS
            + "(?:\\$(?!\\$)([\\w$/]*?)|\\$[\\w$/]*?)?\\.([\\w$<>&;]+)\\(([^():\\n]+):(\\d+)\\)");
    private static final Pattern NAMED =
            Pattern.compile("(?m)^([ \\t]*at )(?:cells//?)?([\\w.$<>&;]+)\\((Cell\\[\\d+\\]):(\\d+)\\)");
    private static final Pattern LIBRARY = Pattern.compile("(?m)^([ \\t]*at )cells//?");
    private static final Pattern KERNEL = Pattern.compile(
            "(?m)(?:^[ \\t]*at (?:java\\.base/)?(?:java\\.lang\\.reflect|jdk\\.internal\\.reflect)\\..*\\R)*"
                    + "(?:^[ \\t]*at (?:app//)?io\\.tunebook\\.kernel\\.eval\\.(?:Cell|Interrupts).*(?:\\R|\\z))+");

    private CellNames() {}

    /**
     * The generated class that a class belongs to, such as {@code REPL.$JShell$12} for {@code REPL.$JShell$12$Person},
     * or null.
     */
    static String wrapper(String className) {
        Matcher m = WRAPPER.matcher(className);
        return m.find() ? m.group(1) : null;
    }

    /** A text with the names of a cell's classes, methods and lines in place of the generated ones. */
    public static String clean(String text) {
        if (!text.contains("$JShell$") && !text.contains("at cells//")) {
            return text;
        }
        String frames = FRAME.matcher(KERNEL.matcher(text).replaceAll("")).replaceAll(m -> {
            String method = method(m.group(2) == null ? "" : m.group(2), m.group(3));
            return Matcher.quoteReplacement(
                    m.group(1) + (method.isEmpty() ? "" : method + ", ") + m.group(4) + ", line " + m.group(5));
        });
        String named = NAMED.matcher(frames).replaceAll("$1$2, $3, line $4");
        return NAME.matcher(LIBRARY.matcher(named).replaceAll("$1")).replaceAll("");
    }

    /** The same for what a bundle says as text or HTML. */
    public static MimeBundle clean(MimeBundle bundle) {
        MimeBundle clean = bundle;
        for (String type : List.of(MimeBundle.TEXT, MimeBundle.HTML)) {
            if (bundle.data().get(type) instanceof String text && !clean(text).equals(text)) {
                clean = clean.with(type, clean(text));
            }
        }
        return clean;
    }

    /** A method with its class as typed; empty for the statements of a cell themselves. */
    static String method(String className, String method) {
        String name = method.startsWith("lambda$") ? method.substring(7).replaceFirst("\\$\\d+$", "") : method;
        return name.startsWith("do_it$") || name.equals("static") || name.equals("<clinit>")
                ? ""
                : (className.isEmpty() ? "" : className + ".") + name;
    }
}
