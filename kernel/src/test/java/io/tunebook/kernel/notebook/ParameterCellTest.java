package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.notebook.ParameterCell.ParameterValues;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParameterCellTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "int | 7 | 7",
                "Integer | None | null",
                "long | 5000000000 | 5000000000L",
                "double | 2 | 2.0",
                "double | 1e-4 | 1.0E-4",
                "double | inf | Double.POSITIVE_INFINITY",
                "float | 0.5 | 0.5f",
                "boolean | True | true",
                "char | ' | '\\''",
                "String | None | \"None\"",
                "String | a\"b\\ | \"a\\\"b\\\\\"",
                "Path | data/x | java.nio.file.Path.of(\"data/x\")",
                "List<Integer> | [1, 2] | java.util.List.of(1, 2)",
                "List<List<Double>> | [[1], []] | java.util.List.of(java.util.List.of(1.0), java.util.List.of())",
                "java.util.Set<String> | [a] | java.util.Set.of(\"a\")",
                "Map<String, Long> | {a: 1} | java.util.Map.ofEntries(java.util.Map.entry(\"a\", 1L))",
                "double[] | [1, 2.5] | new double[] {1.0, 2.5}",
                "int[][] | [[1], [2]] | new int[][] {new int[] {1}, new int[] {2}}",
                "Object | 3 | \"3\"",
            })
    void aValueIsWrittenInTheTypeOfItsDeclaration(String type, String value, String java) {
        assertThat(JavaLiteral.of(type, Notebook.JSON.getNodeFactory().textNode(value)))
                .isEqualTo(java);
    }

    @ParameterizedTest
    @CsvSource({
        "int,      2.5,  'expected an int, found 2.5'",
        "int,      None, 'expected an int, found null'",
        "byte,     300,  'expected a byte, found 300'",
        "boolean,  yes,  'expected a boolean, found yes'",
        "double,   1d,   'expected a double, found 1d'",
        "int[],    5,    'expected a list, found \"5\"'",
        "Runnable, x,    'its type, Runnable, is none that a value can be given for'"
    })
    void aValueThatDoesNotFitIsRefused(String type, String value, String message) {
        assertThatThrownBy(() ->
                        JavaLiteral.of(type, Notebook.JSON.getNodeFactory().textNode(value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void theTypesAreThoseOfTheCell() {
        assertThat(ParameterCell.declarations("""
                        import java.nio.file.Path;
                        // how fast
                        final double lr = 1e-4;
                        var name = "x"; int a = 1, b = 2;
                        Map<String, List<Integer>> m = Map.of();
                        var unclear = compute();
                        System.out.println(lr);
                        int f() { int local = 3; return local; }"""))
                .containsExactly(
                        Map.entry("lr", "double"),
                        Map.entry("name", "String"),
                        Map.entry("a", "int"),
                        Map.entry("b", "int"),
                        Map.entry("m", "Map<String, List<Integer>>"),
                        Map.entry("unclear", "var"));
    }

    private Notebook notebook(String... cells) throws Exception {
        StringBuilder all = new StringBuilder();
        for (String cell : cells) {
            String[] parts = cell.split(":", 2);
            all.append(all.isEmpty() ? "" : ",")
                    .append("{\"cell_type\":\"code\",\"id\":\"i" + all.length() + "\",\"metadata\":{\"tags\":[\""
                            + parts[0] + "\"]},\"source\":\"" + parts[1]
                            + "\",\"outputs\":[],\"execution_count\":null}");
        }
        return Notebook.read(Files.writeString(
                folder.resolve("a.ipynb"),
                "{\"nbformat\":4,\"nbformat_minor\":5,\"metadata\":{},\"cells\":[" + all + "]}"));
    }

    private static Map<String, JsonNode> values(String yaml) {
        return Notebook.JSON.convertValue(
                ParameterValues.yaml(yaml), new com.fasterxml.jackson.core.type.TypeReference<>() {});
    }

    @Test
    void theInjectedCellStandsBehindTheParametersAndReplacesAnEarlierOne() throws Exception {
        Notebook notebook = notebook("x:int a;", "parameters:int n = 1; String s;", "x:n");
        ParameterCell.inject(notebook, values("n: 5\ns: 2"));
        assertThat(notebook.cells().stream().map(Notebook.Cell::source).toList())
                .containsExactly("int a;", "int n = 1; String s;", "// Parameters\nint n = 5;\nString s = \"2\";", "n");
        Notebook.Cell injected = notebook.cells().get(2);
        assertThat(injected.hasTag("injected-parameters")).isTrue();
        assertThat(injected.number()).isEqualTo(3);
        assertThat(injected.id()).isNotEmpty();

        ParameterCell.inject(notebook, values("n: 6"));
        assertThat(notebook.cells()).hasSize(4);
        assertThat(notebook.cells().get(2).source()).isEqualTo("// Parameters\nint n = 6;");
    }

    @Test
    void aNameThatIsNotDeclaredIsAnErrorAndNothingChanges() throws Exception {
        Notebook notebook = notebook("parameters:int n = 1;", "x:int other = 2;");
        assertThatThrownBy(() -> ParameterCell.inject(notebook, values("n: 5\nother: 3")))
                .hasMessage("there is no parameter other: cell 1, tagged parameters, declares n");
        assertThat(notebook.cells()).hasSize(2);
        assertThatThrownBy(() -> ParameterCell.inject(notebook("x:int n = 1;"), values("n: 5")))
                .hasMessageContaining("no cell has the tag parameters");
    }

    @Test
    void fileComesFirstAndTheCommandLineWins() throws Exception {
        Path yaml = Files.writeString(folder.resolve("p.yaml"), "a: 1e-4\nb: [1, x]\nc: null\n");
        Map<String, JsonNode> read = ParameterValues.read(List.of(yaml.toString()), List.of(List.of("a", "-5")));
        assertThat(read.get("a").asText()).isEqualTo("-5");
        assertThat(read.get("b").toString()).isEqualTo("[1,\"x\"]");
        assertThat(read.get("c").isNull()).isTrue();
        Path list = Files.writeString(folder.resolve("l.yaml"), "- 1\n");
        assertThatThrownBy(() -> ParameterValues.read(List.of(list.toString()), List.of()))
                .hasMessageContaining("l.yaml: expected a map");
        Path broken = Files.writeString(folder.resolve("b.yaml"), "a: [1\n");
        assertThatThrownBy(() -> ParameterValues.read(List.of(broken.toString()), List.of()))
                .hasMessageContaining("b.yaml: expected YAML");
        Path object = Files.writeString(folder.resolve("o.yaml"), "a: !!java.io.File [x]\n");
        assertThatThrownBy(() -> ParameterValues.read(List.of(object.toString()), List.of()))
                .as("no document makes objects")
                .isInstanceOf(IllegalArgumentException.class);
    }
}
