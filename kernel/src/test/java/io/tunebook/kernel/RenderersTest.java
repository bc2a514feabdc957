package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How values look, through a real kernel: by what cells register, by the names of other kernels, and within limits. */
@WithKernel
class RenderersTest {
    private static WireKernel.Answer ok(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer;
    }

    @Test
    void aCellRegistersARenderer(WireKernel kernel) {
        ok(kernel, "record Pt(int x) {}\n" + "Renderers.register(Pt.class, p -> html(\"<i>\" + p.x() + \"</i>\"));");
        WireKernel.Answer answer = ok(kernel, "new Pt(4)");
        assertThat(answer.result("text/html")).isEqualTo("<i>4</i>");
        ok(kernel, "Renderers.register(Pt.class, p -> List.of(p.x()));");
        assertThat(ok(kernel, "new Pt(5)").result()).isEqualTo("[5]");
    }

    @Test
    void theNamesOfIJavaAndJJava(WireKernel kernel) {
        for (String imports : new String[] {
            "import io.github.spencerpark.ijava.IJava;\nimport io.github.spencerpark.jupyter.kernel.display.mime.MIMEType;\n",
            "import org.dflib.jjava.JJava;\nimport org.dflib.jjava.jupyter.kernel.display.mime.MIMEType;\n"
        }) {
            String kernelName = imports.contains("IJava") && imports.contains("ijava") ? "IJava" : "JJava";
            ok(
                    kernel,
                    imports + "class Figure" + kernelName + " { }\n" + kernelName
                            + ".getKernelInstance().getRenderer().createRegistration(Figure" + kernelName
                            + ".class)\n    .preferring(MIMEType.TEXT_HTML)\n    .supporting(MIMEType.APPLICATION_JAVASCRIPT)\n"
                            + "    .register((figure, context) -> {\n"
                            + "        context.renderIfRequested(MIMEType.TEXT_HTML, () -> \"<b>figure</b>\");\n    });");
            assertThat(ok(kernel, "new Figure" + kernelName + "()").result("text/html"))
                    .isEqualTo("<b>figure</b>");
        }
    }

    @Test
    void largeAndNestedValuesHaveLimits(WireKernel kernel) {
        assertThat(ok(kernel, "int[][] nested = {{1, 2}, {3}}; nested").result())
                .isEqualTo("[[1, 2], [3]]");
        assertThat(ok(kernel, "nested").result("text/html")).contains("<td style=\"text-align:left\">3</td>");
        for (String large : new String[] {
            "IntStream.range(0, 100_000).boxed().toList()",
            "IntStream.range(0, 100_000).boxed().collect(Collectors.toMap(i -> i, i -> \"v\" + i))",
            "IntStream.range(0, 100_000).mapToObj(i -> \"word\" + i).toArray()",
            "Collections.nCopies(300, Collections.nCopies(100_000, \"word\"))",
            "new double[1000][1000]"
        }) {
            WireKernel.Answer answer = ok(kernel, large);
            assertThat(answer.of("execute_result").get(0).content().toString().length())
                    .as(large)
                    .isLessThan(300_000);
            assertThat(answer.result()).as(large).contains("in all");
        }
        assertThat(ok(kernel, "IntStream.range(0, 999).boxed().toList()").result())
                .endsWith("998]");
    }

    /** Their script makes a variable of the id, so it must be a name. */
    @Test
    void figuresOfTablesaw(WireKernel kernel) {
        ok(
                kernel,
                "package tech.tablesaw.plotly.components;\npublic class Figure {\n  public String asJavascript(String id) {"
                        + " return \"<script>var target_\" + id + \" = document.getElementById('\" + id + \"');</script>\"; }\n}");
        assertThat(ok(kernel, "new tech.tablesaw.plotly.components.Figure()").result("text/html"))
                .containsPattern(
                        "<div id=\"(\\w+)\"></div><script>.*var target_\\1 = document.getElementById\\('\\1'\\);");
    }

    @Test
    void componentsOfSwingArePictures(WireKernel kernel) {
        assertThat(ok(kernel, "new javax.swing.JLabel(\"hello\")").result("image/png"))
                .isNotBlank();
        assertThat(ok(kernel, "new java.awt.image.BufferedImage(3, 2, 1)").result("image/png"))
                .isNotBlank();
    }

    /** The convention of kernels of the JVM: a library registers with jupyter.Displayers how its types look. */
    @Test
    void whatIsRegisteredWithJupyterDisplayers(WireKernel kernel, @TempDir Path folder) throws IOException {
        ok(kernel, "%classpath " + TestLibrary.classes(folder, JVM_REPR));
        ok(
                kernel,
                "class Plot { }\nclass Line extends Plot { }\nclass Other { public String toString() { return \"other\"; } }\n"
                        + "jupyter.Displayers.register(Plot.class, new jupyter.Displayer<Plot>() {\n"
                        + "  public Map<String, String> display(Plot p) {\n"
                        + "    return Map.of(\"text/html\", \"<b>plot</b>\", \"text/plain\", \"a plot\"); }\n});");
        for (String plot : new String[] {"new Plot()", "new Line()"}) {
            WireKernel.Answer shown = ok(kernel, plot);
            assertThat(shown.result("text/html")).as(plot).isEqualTo("<b>plot</b>");
            assertThat(shown.result()).as(plot).isEqualTo("a plot");
            assertThat(ok(kernel, "display(" + plot + ");").displays("text/html"))
                    .containsExactly("<b>plot</b>");
        }
        // What says itself how it looks, in one representation.
        ok(
                kernel,
                "class Thing implements jupyter.AsDisplayData { public Map<String, String> display() {"
                        + " return Map.of(\"text/plain\", \"Thing(2)\"); } }");
        assertThat(ok(kernel, "new Thing()").result()).isEqualTo("Thing(2)");
        // What nobody has registered is shown as ever, and so is what is shown wrongly.
        assertThat(ok(kernel, "new Other()").result()).isEqualTo("other");
        assertThat(ok(kernel, "List.of(1, 2)").result()).isEqualTo("[1, 2]");
        ok(
                kernel,
                "jupyter.Displayers.register(Other.class, new jupyter.Displayer<Other>() { public Map<String, String> display(Other o) {"
                        + " throw new IllegalStateException(\"broken\"); } });");
        assertThat(ok(kernel, "new Other()").result()).isEqualTo("other");
    }

    /**
     * The API of com.github.jupyter:jvm-repr as far as libraries and kernels use it; Maven Central does not have it.
     */
    private static final String[] JVM_REPR = {"""
        package jupyter;
        import java.util.Map;
        public abstract class Displayer<T> {
            public abstract Map<String, String> display(T shown);
        }
        """, """
        package jupyter;
        import java.util.Map;
        public interface AsDisplayData {
            Map<String, String> display();
        }
        """, """
        package jupyter;
        import java.util.Map;
        class ToStringDisplayer extends Displayer<Object> {
            @Override public Map<String, String> display(Object shown) { return Map.of("text/plain", shown.toString()); }
        }
        """, """
        package jupyter;
        import java.util.*;
        public class Registration {
            private final Map<Class<?>, Displayer<?>> all = new HashMap<>();
            public <T> void add(Class<T> type, Displayer<T> displayer) { all.put(type, displayer); }
            @SuppressWarnings("unchecked")
            public <T> Displayer<? super T> find(Class<T> type) {
                for (Class<?> c = type; c != null; c = c.getSuperclass()) {
                    if (all.containsKey(c)) return (Displayer<? super T>) all.get(c);
                }
                return AsDisplayData.class.isAssignableFrom(type)
                    ? (Displayer<? super T>) new Displayer<AsDisplayData>() {
                        @Override public Map<String, String> display(AsDisplayData shown) { return shown.display(); }
                    }
                    : new ToStringDisplayer();
            }
        }
        """, """
        package jupyter;
        import java.util.Map;
        public abstract class Displayers {
            private static final Registration ALL = new Registration();
            public static Registration registration() { return ALL; }
            public static <T> void register(Class<T> type, Displayer<T> displayer) { ALL.add(type, displayer); }
            @SuppressWarnings("unchecked")
            public static <T> Map<String, String> display(T shown) { return ((Displayer<T>) ALL.find((Class<T>) shown.getClass())).display(shown); }
        }
        """};
}
