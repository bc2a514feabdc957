package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How values look. */
@WithKernel
class DisplayTest {
    private static TestKernel kernel;

    private static JsonNode data(String code) {
        TestKernel.Answer answer = kernel.run(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        List<Message> results = answer.of("execute_result");
        assertThat(results).as(code).hasSize(1);
        assertThat(results.get(0).content().path("data").has("text/plain"))
                .as(code)
                .isTrue();
        return results.get(0).content().path("data");
    }

    private static String html(String code) {
        return data(code).path("text/html").asText();
    }

    @Test
    void collectionsMapsAndRecordsAreTables() {
        assertThat(html("record Point(int x, String label) {}\nList.of(new Point(1, \"<a>\"), new Point(2, \"b\"))"))
                .contains(">x</th>", ">label</th>", ">1</td>", "&lt;a&gt;")
                .doesNotContain("<a>");
        assertThat(html("new Point(3, \"c\")")).contains(">3</td>");
        assertThat(html("new TreeMap<>(Map.of(\"k\", \"<v>\"))")).contains(">k</td>", "&lt;v&gt;");
        assertThat(html("List.of(List.of(1, \"a\"), List.of(2, \"b\"))")).contains(">2</td>", ">b</td>");
        assertThat(html("new String[] {\"one\", \"two\"}")).contains(">two</td>");
        assertThat(data("new int[] {1, 2}").path("text/plain").asText()).isEqualTo("[1, 2]");
        assertThat(data("List.of()").path("text/plain").asText()).isEqualTo("[]");
    }

    @Test
    void longTablesAreCut() {
        String table = html("IntStream.range(0, 1000).mapToObj(i -> \"row \" + i).toList()");
        assertThat(table).contains("row 49", "950 more rows").doesNotContain("row 50<");
        assertThat(data("new int[100_000]").path("text/plain").asText())
                .contains("100000 in all")
                .hasSizeLessThan(500);
    }

    @Test
    void resultSetsAreTables() {
        assertThat(html("""
                import java.lang.reflect.Proxy;
                import java.sql.*;
                int limit = 3;
                int[] row = {0};
                ResultSetMetaData columns = (ResultSetMetaData) Proxy.newProxyInstance(ResultSet.class.getClassLoader(),
                    new Class<?>[] {ResultSetMetaData.class}, (p, m, a) -> m.getName().equals("getColumnCount") ? 2 : "column" + a[0]);
                ResultSet rows = (ResultSet) Proxy.newProxyInstance(ResultSet.class.getClassLoader(),
                    new Class<?>[] {ResultSet.class}, (p, m, a) -> switch (m.getName()) {
                        case "getMetaData" -> columns;
                        case "next" -> row[0]++ < limit;
                        case "getObject" -> "value " + row[0] + "/" + a[0];
                        default -> "rows";
                    });
                rows
                """))
                .contains(">column1</th>", ">column2</th>", ">value 1/1</td>", ">value 3/2</td>")
                .doesNotContain("more rows");
        assertThat(html("limit = 1000;\nrow[0] = 0;\nrows"))
                .contains(">value 50/2</td>", "more rows")
                .doesNotContain("value 51");
    }

    private static JsonNode shown(String type, String code) {
        TestKernel.Answer answer = kernel.run(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        List<Message> shown = answer.of(type);
        return shown.get(shown.size() - 1).content().path("data");
    }

    @Test
    void aTypeStandsBeforeOrBehindTheValue() {
        for (String call : List.of(
                "display(\"<b>x</b>\", \"text/html\");",
                "display(\"text/html\", \"<b>x</b>\");",
                "display(\"html\", \"<b>x</b>\");",
                "display(\"html\", new StringBuilder(\"<b>x</b>\"));")) {
            assertThat(shown("display_data", call).toString()).as(call).isEqualTo("{\"text/html\":\"<b>x</b>\"}");
        }
        assertThat(shown("display_data", "display(\"html\", Map.of(1, \"one\"));")
                        .toString())
                .startsWith("{\"text/html\":")
                .contains("one</td>");
        for (String call : List.of(
                "updateDisplay(\"id\", \"*x*\", \"text/markdown\");",
                "updateDisplay(\"id\", \"text/markdown\", \"*x*\");",
                "updateDisplay(\"id\", \"md\", \"*x*\");")) {
            assertThat(shown("update_display_data", "display(1, \"id\"); " + call)
                            .toString())
                    .as(call)
                    .isEqualTo("{\"text/markdown\":\"*x*\"}");
        }
        assertThat(shown("display_data", "display(\"a text\", \"an id\");").toString())
                .isEqualTo("{\"text/plain\":\"a text\"}");
        assertThat(shown("display_data", "print(List.of(1));")
                        .path("text/plain")
                        .asText())
                .isEqualTo("[1]");
        assertThat(kernel.run("display(\"no type\", List.of(1));").traceback())
                .contains("expected a MIME type or one of", "found no type");
    }

    @Test
    void exceptionsAreFolded() {
        assertThat(html("new IllegalStateException(\"<broken>\", new IOException(\"disk\"))"))
                .startsWith("<details><summary>java.lang.IllegalStateException: &lt;broken&gt;</summary>")
                .contains("Caused by: java.io.IOException: disk");
    }

    @Test
    void images(@TempDir Path folder) throws IOException {
        String image = "new java.awt.image.BufferedImage(3, 2, java.awt.image.BufferedImage.TYPE_INT_RGB)";
        assertThat(data(image).path("image/png").asText()).startsWith("iVBOR");
        Path file = folder.resolve("dot.png");
        kernel.run("javax.imageio.ImageIO.write(" + image + ", \"png\", new File(\"" + file + "\"));");
        assertThat(Files.size(file)).isPositive();
        assertThat(data("Path.of(\"" + file + "\")").path("image/png").asText()).startsWith("iVBOR");
        assertThat(data("Path.of(\"" + file + "\").toUri().toURL()")
                        .path("image/png")
                        .asText())
                .startsWith("iVBOR");
        assertThat(data("Path.of(\"nowhere.png\")").path("text/plain").asText()).isEqualTo("nowhere.png");
    }

    @Test
    void nodesOfJacksonAreJson() {
        // In tests the kernel's own Jackson is on the class path; in its jar it is renamed, and the user brings one.
        JsonNode data = data("new com.fasterxml.jackson.databind.ObjectMapper().readTree(\"{\\\"a\\\": [1]}\")");
        assertThat(data.path("application/json").path("a").path(0).asInt()).isEqualTo(1);
    }

    @Test
    void theMostSpecificRendererWins(@TempDir Path folder) throws IOException {
        Path source = Files.writeString(folder.resolve("Shapes.java"), """
                package shapes;
                import io.tunebook.kernel.display.*;
                public class Shapes {
                    public interface Shape {}
                    public static class Round implements Shape {}
                    public static class Circle extends Round {}
                    public static class Square implements Shape {}
                    public static class AnyShape implements Renderer<Shape> {
                        public Class<Shape> type() { return Shape.class; }
                        public MimeBundle render(Shape s) { return MimeBundle.of("text/html", "a shape"); }
                    }
                    public static class AnyRound implements Renderer<Round> {
                        public Class<Round> type() { return Round.class; }
                        public MimeBundle render(Round s) { return MimeBundle.of("text/html", "round"); }
                    }
                }
                """);
        assertThat(ToolProvider.getSystemJavaCompiler()
                        .run(
                                null,
                                null,
                                null,
                                "-cp",
                                System.getProperty("java.class.path"),
                                "-d",
                                folder.toString(),
                                source.toString()))
                .isZero();
        Path services = Files.createDirectories(folder.resolve("META-INF").resolve("services"));
        Files.writeString(
                services.resolve("io.tunebook.kernel.display.Renderer"),
                "shapes.Shapes$AnyShape\nshapes.Shapes$AnyRound\nshapes.Shapes$Missing\n");
        kernel.run("%classpath " + folder);
        assertThat(html("new shapes.Shapes.Square()")).isEqualTo("a shape");
        assertThat(html("new shapes.Shapes.Circle()")).isEqualTo("round");
        assertThat(data("new shapes.Shapes.Circle()").path("text/plain").asText())
                .contains("Circle");
    }

    @Test
    void aProgressBarIsOneDisplayThatIsUpdated() {
        TestKernel.Answer answer = kernel.run("try (var bar = progress(3, \"<Load>\")) {\n"
                + "  for (int i = 0; i < 3; i++) { Thread.sleep(250); bar.step(); bar.message(\"loss \" + i); }\n}");
        List<Message> shown = answer.of("display_data");
        List<Message> updates = answer.of("update_display_data");
        assertThat(shown).hasSize(1);
        assertThat(updates.size()).isBetween(2, 8);
        String id = shown.get(0).content().path("transient").path("display_id").asText();
        assertThat(updates).allMatch(u -> u.content()
                .path("transient")
                .path("display_id")
                .asText()
                .equals(id));
        JsonNode last = updates.get(updates.size() - 1).content().path("data");
        assertThat(last.path("text/plain").asText()).contains("<Load>: 3 of 3", "loss 2");
        assertThat(last.path("text/html").asText()).contains("&lt;Load&gt;", "width:100.0%");
    }

    @Test
    void aMillionStepsAreFewMessages() {
        TestKernel.Answer answer =
                kernel.run("try (var bar = progress(1_000_000)) { for (int i = 0; i < 1_000_000; i++) bar.step(); }");
        assertThat(answer.published().size()).isLessThan(100);
    }
}
