package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Libraries from Maven Central that notebooks use much. Spark is in the notebooks of NotebooksOfOtherKernelsIT: beside
 * the build's classes it finds the kernel's loggers.
 */
@WithKernel(fresh = true)
class RealLibrariesTest {
    private static WireKernel.Answer ok(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.await(kernel.start(code), Duration.ofMinutes(5));
        assertThat(answer.status()).as(code + "\n" + answer.traceback()).isEqualTo("ok");
        return answer;
    }

    @Test
    @Tag("nightly")
    void chartsTablesAndRowsOfDatabases(WireKernel kernel) {
        ok(
                kernel,
                "%maven org.knowm.xchart:xchart:3.8.8 org.jfree:jfreechart:1.5.5 com.h2database:h2:2.3.232"
                        + " tech.tablesaw:tablesaw-core:0.43.1 tech.tablesaw:tablesaw-jsplot:0.43.1");
        String png = "image/png";
        assertThat(ok(
                                kernel,
                                "org.knowm.xchart.QuickChart.getChart(\"t\", \"x\", \"y\", \"f\", new double[] {1, 2}, new double[] {2, 3})")
                        .result(png))
                .startsWith("iVBOR");
        assertThat(ok(
                                kernel,
                                "var bars = new org.jfree.data.category.DefaultCategoryDataset(); bars.addValue(1, \"a\", \"b\");\n"
                                        + "org.jfree.chart.ChartFactory.createBarChart(\"t\", \"x\", \"y\", bars)")
                        .result(png))
                .startsWith("iVBOR");
        assertThat(ok(
                                kernel,
                                "import tech.tablesaw.api.*;\nvar t = Table.create(\"T\", DoubleColumn.create(\"a\", 1, 2),"
                                        + " StringColumn.create(\"b\", \"x\", \"y\"));\nt")
                        .result("text/html"))
                .contains(">a</th>", ">y</td>");
        if (Runtime.version().feature() < 23) { // its templates look for Thread.resume, which later ones do not have
            assertThat(ok(kernel, "tech.tablesaw.plotly.api.ScatterPlot.create(\"p\", t, \"a\", \"a\")")
                            .result("text/html"))
                    .containsPattern("var target_\\w+ = document")
                    .contains("Plotly.newPlot");
        }
        assertThat(ok(
                                kernel,
                                "import java.sql.*;\ntry (var c = DriverManager.getConnection(\"jdbc:h2:mem:\"); var s = c.createStatement()) {"
                                        + " display(s.executeQuery(\"select 1 as a, 'x' as b\")); }")
                        .displays("text/html")
                        .get(0))
                .contains(">A</th>", ">x</td>");
    }

    @Test
    @Tag("nightly")
    void aPomWithABomAndAProfile(WireKernel kernel) {
        ok(kernel, """
                %%loadFromPOM -P extra
                <dependencyManagement><dependencies>
                  <dependency>
                    <groupId>com.fasterxml.jackson</groupId><artifactId>jackson-bom</artifactId><version>2.17.2</version>
                    <type>pom</type><scope>import</scope>
                  </dependency>
                </dependencies></dependencyManagement>
                <dependencies>
                  <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-core</artifactId></dependency>
                </dependencies>
                <profiles><profile><id>extra</id><dependencies>
                  <dependency><groupId>commons-codec</groupId><artifactId>commons-codec</artifactId><version>1.17.1</version></dependency>
                </dependencies></profile></profiles>""");
        assertThat(ok(kernel, "%dependency /list-artifacts").result())
                .contains(
                        "com.fasterxml.jackson.core:jackson-core:jar:2.17.2", "commons-codec:commons-codec:jar:1.17.1");
        assertThat(ok(kernel, "org.apache.commons.codec.digest.DigestUtils.md5Hex(\"a\")")
                        .result())
                .isEqualTo("0cc175b9c0f1b6a831c399e269772661");
    }
}
