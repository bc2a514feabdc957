package io.tunebook.kernel.display;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * What a cell shows besides its result. Every cell has these methods by static import. Outside a kernel they print
 * plain text.
 */
public final class Display {
    private static final Pattern TYPE = Pattern.compile("(application|audio|image|text|video)/[\\w.+-]+");
    /** The short names of types in Rapaio's notebooks. */
    private static final Map<String, String> NAMED = new TreeMap<>(Map.of(
            "text", MimeBundle.TEXT,
            "html", MimeBundle.HTML,
            "md", MimeBundle.MARKDOWN,
            "markdown", MimeBundle.MARKDOWN,
            "latex", MimeBundle.LATEX,
            "json", MimeBundle.JSON,
            "svg", MimeBundle.SVG,
            "javascript", "application/javascript",
            "png", "image/png",
            "jpeg", "image/jpeg"));

    /**
     * One for the process, since these methods are static: that of kernels finds the cell, and with it the session, by
     * the thread that calls.
     */
    private static volatile DisplaySink sink = new PlainSink();

    private static final int CONNECT_MILLIS = 10_000;
    private static final int IDLE_MILLIS = 30_000;

    private Display() {}

    /** For kernels: from now on displays go there. Each session connects the same, which keeps nothing of any. */
    public static void connect(DisplaySink to) {
        sink = Objects.requireNonNull(to);
    }

    static DisplaySink sink() {
        return sink;
    }

    /** Whether somebody sees displays and their updates; outside a kernel only plain text is printed. */
    public static boolean rich() {
        return sink.rich();
    }

    /**
     * Shows a value now, by the renderer of its type.
     *
     * @return the id by which {@link #update} finds it, from another cell too
     */
    public static String display(Object value) {
        return show(render(value), UUID.randomUUID().toString());
    }

    /**
     * Shows a value under an id of your own; or, if the text is a MIME type such as {@code text/html}, in this
     * representation alone.
     *
     * @return the id
     */
    public static String display(Object value, String id) {
        return TYPE.matcher(id).matches() ? display(value, new String[] {id}) : show(render(value), id);
    }

    /**
     * Shows the value in one representation, such as {@code "html"} or {@code "text/markdown"}, as Rapaio does.
     *
     * @return its id
     */
    public static String display(String type, Object value) {
        return display(value, new String[] {type(type)});
    }

    /**
     * Shows a text: in the representation that one of both names, else as plain text under the second as its id.
     *
     * @return its id
     */
    public static String display(String first, String second) {
        return !TYPE.matcher(second).matches() && isType(first)
                ? display(first, (Object) second)
                : display((Object) first, second);
    }

    /** Shows a value as {@link #display(Object)} does, under the name that it has in Ganymede. */
    public static void print(Object value) {
        display(value);
    }

    private static boolean isType(String text) {
        return NAMED.containsKey(text) || TYPE.matcher(text).matches();
    }

    private static String type(String name) {
        if (!isType(name)) {
            throw new IllegalArgumentException("expected a MIME type or one of " + NAMED.keySet() + ", found " + name);
        }
        return NAMED.getOrDefault(name, name);
    }

    /**
     * Shows a value in these representations alone, as IJava and JJava do.
     *
     * @return its id
     */
    public static String display(Object value, String... types) {
        return show(render(value, types), UUID.randomUUID().toString());
    }

    private static String show(MimeBundle bundle, String id) {
        sink.show(bundle, Objects.requireNonNull(id, "id"), false);
        return id;
    }

    /** Replaces what is shown under this id. */
    public static void update(String id, Object value) {
        sink.show(render(value), Objects.requireNonNull(id, "id"), true);
    }

    /** The same under the name that it has in IJava and JJava. */
    public static void updateDisplay(String id, Object value, String... types) {
        sink.show(types.length == 0 ? render(value) : render(value, types), Objects.requireNonNull(id, "id"), true);
    }

    /** The same in one representation, which Rapaio names before the value; IJava's order is understood too. */
    public static void updateDisplay(String id, String type, Object value) {
        if (value instanceof String named && isType(named) && !isType(type)) {
            updateDisplay(id, (Object) type, new String[] {type(named)});
        } else {
            updateDisplay(id, value, new String[] {type(type)});
        }
    }

    /** Clears the cell's output at once. */
    public static void clear() {
        clear(false);
    }

    /** Clears the cell's output, with {@code wait} not before something new comes. */
    public static void clear(boolean wait) {
        sink.clear(wait);
    }

    /** All representations of a value, by the renderer of its type. */
    public static MimeBundle render(Object value) {
        return RendererRegistry.render(value);
    }

    /**
     * A value in these representations alone: a text is taken for what the type says, of others the renderer's are
     * kept.
     */
    public static MimeBundle render(Object value, String... types) {
        Map<String, Object> data = new LinkedHashMap<>();
        MimeBundle all = render(value);
        for (String type : types) {
            Object content = value instanceof CharSequence
                    ? value.toString()
                    : all.data().get(type);
            if (content != null) {
                data.put(type, content);
            }
        }
        return data.isEmpty() ? all : new MimeBundle(data, all.metadata());
    }

    public static MimeBundle html(String html) {
        return MimeBundle.of(MimeBundle.HTML, html, MimeBundle.TEXT, Html.text(html));
    }

    public static MimeBundle markdown(String markdown) {
        return MimeBundle.of(MimeBundle.MARKDOWN, markdown, MimeBundle.TEXT, markdown);
    }

    /** LaTeX with its delimiters, such as {@code $$E = mc^2$$}. */
    public static MimeBundle latex(String latex) {
        return MimeBundle.of(MimeBundle.LATEX, latex, MimeBundle.TEXT, latex);
    }

    public static MimeBundle svg(String svg) {
        return MimeBundle.of(MimeBundle.SVG, svg, MimeBundle.TEXT, "<an SVG image>");
    }

    /**
     * JSON as a tree that can be folded.
     *
     * @param value maps, lists, strings, numbers, booleans, null, or a JSON text
     */
    public static MimeBundle json(Object value) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put(MimeBundle.JSON, value);
        data.put(MimeBundle.TEXT, String.valueOf(value));
        return new MimeBundle(data, Map.of());
    }

    /**
     * An image.
     *
     * @param image a {@link BufferedImage}, the bytes of a PNG, JPEG or GIF file, a {@link Path} or {@link URL} of one,
     *     or a String holding either
     * @throws IllegalArgumentException if it is none of these
     * @throws UncheckedIOException if it cannot be read, or a server says nothing for half a minute
     */
    public static MimeBundle image(Object image) {
        if (image instanceof BufferedImage i) {
            return StandardRenderers.image(i);
        } else if (image instanceof byte[] bytes) {
            return StandardRenderers.image(bytes, bytes.length + " bytes");
        }
        try {
            if (image instanceof Path path) {
                return StandardRenderers.image(Files.readAllBytes(path), path.toString());
            } else if (image instanceof URL url) {
                URLConnection connection = url.openConnection();
                connection.setConnectTimeout(CONNECT_MILLIS);
                connection.setReadTimeout(IDLE_MILLIS);
                try (InputStream in = connection.getInputStream()) {
                    return StandardRenderers.image(in.readAllBytes(), url.toString());
                }
            } else if (image instanceof String text) {
                return text.contains("://") ? image(URI.create(text).toURL()) : image(Path.of(text));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the image " + image, e);
        }
        throw new IllegalArgumentException("expected a BufferedImage, bytes, a Path, a URL or a String, found "
                + (image == null ? "null" : image.getClass().getName()));
    }

    /**
     * A progress bar.
     *
     * @param total the number of steps; 0 if unknown
     */
    public static Progress progress(long total) {
        return progress(total, "");
    }

    /** A progress bar with a text before it. */
    public static Progress progress(long total, String label) {
        return new Progress(total, label);
    }

    /**
     * Asks the person in front of the notebook for a line.
     *
     * @throws IllegalStateException if nobody can answer, as in a headless run
     */
    public static String input(String prompt) {
        return answer(sink.ask(prompt, false));
    }

    /** The same for a password: what is typed stays hidden. */
    public static String password(String prompt) {
        return answer(sink.ask(prompt, true));
    }

    private static String answer(String line) {
        if (line == null) {
            throw new IllegalStateException(
                    "nobody is there to answer: this notebook runs without a frontend that takes input");
        }
        return line;
    }

    /** Standard output for programs and tests that no kernel runs. */
    private static final class PlainSink implements DisplaySink {
        @Override
        public void show(MimeBundle bundle, String id, boolean update) {
            System.out.println(bundle.text());
        }

        @Override
        public void clear(boolean wait) {
            // what is printed stays printed
        }

        @Override
        public String ask(String prompt, boolean password) {
            var console = System.console();
            return console == null
                    ? null
                    : password ? new String(console.readPassword("%s", prompt)) : console.readLine("%s", prompt);
        }

        @Override
        public boolean rich() {
            return false;
        }
    }
}
