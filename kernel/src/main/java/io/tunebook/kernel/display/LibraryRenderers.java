package io.tunebook.kernel.display;

import java.awt.Component;
import java.awt.Container;
import java.awt.Dimension;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Charts and tables of libraries that are not there when this is compiled: their classes are known by name, their
 * methods are called by reflection.
 */
final class LibraryRenderers {
    private static final int ROWS = 50;
    private static final int WIDTH = 640;
    private static final int HEIGHT = 420;
    private static final String PLOTLY = "https://cdn.plot.ly/plotly-2.35.2.min.js";

    private LibraryRenderers() {}

    /** The representations of such a value, or empty if it is none. */
    static Optional<MimeBundle> render(Object value) {
        try {
            for (Class<?> c = value.getClass(); c != null && c != Object.class; c = c.getSuperclass()) {
                switch (c.getName()) {
                    case "org.knowm.xchart.internal.chartpart.Chart" -> {
                        return Optional.of(xchart(value, c));
                    }
                    case "org.jfree.chart.JFreeChart" -> {
                        Method image = c.getMethod("createBufferedImage", int.class, int.class);
                        return Optional.of(StandardRenderers.image((BufferedImage) image.invoke(value, WIDTH, HEIGHT)));
                    }
                    case "tech.tablesaw.plotly.components.Figure" -> {
                        return Optional.of(figure(value, c));
                    }
                    case "tech.tablesaw.table.Relation" -> {
                        return Optional.of(table(value, c));
                    }
                    case "javax.swing.JComponent" -> {
                        return Optional.of(component((Component) value));
                    }
                    default -> {
                        continue;
                    }
                }
            }
            return displayer(value);
        } catch (ReflectiveOperationException | RuntimeException | LinkageError e) {
            System.getLogger(LibraryRenderers.class.getName())
                    .log(System.Logger.Level.WARNING, "a " + value.getClass().getName() + " is shown as text", e);
            return Optional.empty();
        }
    }

    private static MimeBundle xchart(Object chart, Class<?> type) throws ReflectiveOperationException {
        Class<?> encoder = Class.forName("org.knowm.xchart.BitmapEncoder", true, type.getClassLoader());
        for (Method m : encoder.getMethods()) {
            if (m.getName().equals("getBufferedImage") && m.getParameterCount() == 1) {
                return StandardRenderers.image((BufferedImage) m.invoke(null, chart));
            }
        }
        throw new NoSuchMethodException("BitmapEncoder.getBufferedImage");
    }

    /** A chart of Plotly, which is fetched by the page that shows it. */
    private static MimeBundle figure(Object figure, Class<?> type) throws ReflectiveOperationException {
        String id = "figure_" + UUID.randomUUID().toString().replace('-', '_'); // its script makes a variable of it
        String script = String.valueOf(
                        type.getMethod("asJavascript", String.class).invoke(figure, id))
                .replaceAll("(?i)</?script[^>]*>", "");
        return MimeBundle.of(
                MimeBundle.HTML,
                "<div id=\"" + id + "\"></div><script>(function() { function draw() {" + script
                        + "}\nif (window.Plotly) { draw(); } else { var s = document.createElement('script'); s.src = '"
                        + PLOTLY + "'; s.onload = draw; document.head.appendChild(s); } })();</script>",
                MimeBundle.TEXT,
                "<a chart>");
    }

    private static MimeBundle table(Object table, Class<?> type) throws ReflectiveOperationException {
        List<String> header = new ArrayList<>();
        for (Object name : (List<?>) type.getMethod("columnNames").invoke(table)) {
            header.add(String.valueOf(name));
        }
        int size = (Integer) type.getMethod("rowCount").invoke(table);
        Method cell = type.getMethod("getString", int.class, int.class);
        List<List<String>> rows = new ArrayList<>();
        for (int r = 0; r < Math.min(size, ROWS); r++) {
            List<String> row = new ArrayList<>();
            for (int c = 0; c < header.size(); c++) {
                row.add(String.valueOf(cell.invoke(table, r, c)));
            }
            rows.add(row);
        }
        return MimeBundle.of(
                MimeBundle.TEXT,
                RendererRegistry.text(table),
                MimeBundle.HTML,
                Html.table(header, rows, size - rows.size()));
    }

    /** A component of Swing as a picture, in the size that it has or prefers. */
    private static MimeBundle component(Component component) {
        Dimension size = component.getWidth() > 0 && component.getHeight() > 0
                ? component.getSize()
                : component.getPreferredSize();
        int width = Math.max(1, size.width);
        int height = Math.max(1, size.height);
        component.setSize(width, height);
        layOut(component);
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_ARGB);
        Graphics2D graphics = image.createGraphics();
        component.printAll(graphics);
        graphics.dispose();
        return StandardRenderers.image(image);
    }

    private static void layOut(Component component) {
        if (component instanceof Container container) {
            container.doLayout();
            for (Component child : container.getComponents()) {
                layOut(child);
            }
        }
    }

    /**
     * The convention of the JVM's kernels: a library registers with {@code jupyter.Displayers} how its types look, or a
     * type says it itself as {@code jupyter.AsDisplayData}.
     *
     * @see <a href="https://github.com/jupyter/jvm-repr">jvm-repr</a>
     */
    private static Optional<MimeBundle> displayer(Object value) throws ReflectiveOperationException {
        Class<?> displayers;
        try {
            displayers = Class.forName(
                    "jupyter.Displayers", true, Thread.currentThread().getContextClassLoader());
        } catch (ClassNotFoundException e) {
            return Optional.empty(); // no such library is there
        }
        Object registration = displayers.getMethod("registration").invoke(null);
        Object found = registration.getClass().getMethod("find", Class.class).invoke(registration, value.getClass());
        if (found == null || found.getClass().getName().equals("jupyter.ToStringDisplayer")) {
            return Optional.empty(); // nobody has registered the type
        }
        Map<String, Object> data = new LinkedHashMap<>();
        Object shown = displayers.getMethod("display", Object.class).invoke(null, value);
        if (shown instanceof Map<?, ?> map) {
            map.forEach((type, content) -> data.put(String.valueOf(type), content));
        }
        return data.isEmpty() ? Optional.empty() : Optional.of(new MimeBundle(data, Map.of()));
    }
}
