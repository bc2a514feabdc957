package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

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
}
