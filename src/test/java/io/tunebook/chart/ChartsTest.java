package io.tunebook.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.DisplaySink;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.train.TrainingReport;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tech.tablesaw.api.DoubleColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

final class ChartsTest {
    private static BufferedImage picture(MimeBundle bundle) throws IOException {
        return ImageIO.read(new ByteArrayInputStream(
                Base64.getDecoder().decode((String) bundle.data().get(MimeBundle.PNG))));
    }

    @Test
    void aPictureIsTwiceTheSizeItIsShownInAndHasNoBackground() throws IOException {
        MimeBundle chart =
                Charts.line("Heap", "documents", "MB", new double[] {0, 1, 2}, new double[] {3, Double.NaN, 5});

        BufferedImage image = picture(chart);

        assertThat(chart.metadata().get(MimeBundle.PNG))
                .isEqualTo(Map.of("width", 640, "height", 360, "alt", chart.text()));
        assertThat(image.getWidth()).isEqualTo(1280);
        assertThat(image.getHeight()).isEqualTo(720);
        assertThat(image.getRGB(2, 2) >>> 24).as("alpha of the corner").isZero();
        assertThat(chart.text()).isEqualTo("Heap: MB from 3 to 5 over documents 0 to 2");
    }

    @Test
    void whatIsDrawnCanBeReadOnWhiteAndOnBlack() throws IOException {
        BufferedImage image = picture(Charts.bar("训练损失", "nats", new LinkedHashMap<>(Map.of("a", 1, "b", 2))));
        int ink = 0;
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                int argb = image.getRGB(x, y);
                if (argb >>> 24 == 255) {
                    ink++;
                    double light = luminance(argb);
                    assertThat(1.05 / (light + 0.05)).as("contrast to white").isGreaterThan(2.5);
                    assertThat((light + 0.05) / (luminance(0x111111) + 0.05))
                            .as("contrast to JupyterLab's dark background")
                            .isGreaterThan(2.5);
                }
            }
        }
        assertThat(ink).isGreaterThan(1000);
    }

    /** Relative luminance by WCAG 2. */
    private static double luminance(int rgb) {
        double sum = 0;
        double[] weights = {0.0722, 0.7152, 0.2126};
        for (int i = 0; i < 3; i++) {
            double c = (rgb >> 8 * i & 0xff) / 255.0;
            sum += weights[i] * (c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4));
        }
        return sum;
    }

    @Test
    void chineseIsDrawnAndNotBoxes() throws IOException {
        assumeTrue(ChartTheme.found(), "skipped: no font of this machine can write Chinese");
        String empty = (String) Charts.bar("囧", "n", Map.of("a", 1)).data().get(MimeBundle.PNG);
        String other = (String) Charts.bar("一", "n", Map.of("a", 1)).data().get(MimeBundle.PNG);

        assertThat(empty).isNotEqualTo(other);
    }

    @Test
    void theFontThatComesAlongHasTheCharactersOfChineseText() {
        assumeTrue(ChartTheme.missing().isEmpty(), "skipped: this machine has no fonts, and Java then opens none");
        Font own = ChartTheme.own().orElseThrow();
        assertThat(own.getFamily()).isEqualTo("Tunebook Chart Sans");
        for (String text : List.of("训练损失：学习率 1e-3，第 7 步（留出 20 %）", "各主题的文档数 · 百科、新闻、科技", "Loss of the 135M model")) {
            assertThat(own.canDisplayUpTo(text)).as(text).isEqualTo(-1);
        }
        assertThat(own.createGlyphVector(new FontRenderContext(null, true, true), "训")
                        .getOutline()
                        .getBounds2D()
                        .getWidth())
                .as("a glyph with an outline, in points of a font of 12")
                .isBetween(8.0, 13.0);
        assertThat(ChartTheme.class.getResource("chart-sans-zh.OFL.txt")).isNotNull();
    }

    /** A machine without a Chinese font draws the charts of the Chinese chapters, whatever their words. */
    @Test
    void theFontThatComesAlongHasEveryCharacterOfTheChineseChaptersCode() throws IOException {
        assumeTrue(ChartTheme.missing().isEmpty(), "skipped: this machine has no fonts, and Java then opens none");
        Font own = ChartTheme.own().orElseThrow();
        TreeSet<String> missing = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of("../notebooks/zh"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                for (JsonNode cell : new ObjectMapper().readTree(file.toFile()).path("cells")) {
                    if (cell.path("cell_type").asText().equals("code")) {
                        cell.path("source").forEach(line -> line.asText()
                                .codePoints()
                                .filter(c -> Character.UnicodeScript.of(c) == Character.UnicodeScript.HAN)
                                .filter(c -> !own.canDisplay(c))
                                .forEach(c -> missing.add(Character.toString(c))));
                    }
                }
            }
        }
        assertThat(missing)
                .as("characters that environment/chart_font.py has to put into the font")
                .isEmpty();
    }

    /** What a JVM without fonts draws. */
    static final class Drawing {
        public static void main(String[] arguments) {
            MimeBundle chart = Charts.line("Heap", "documents", "MB", new double[] {0, 1}, new double[] {3, 5});
            System.out.println(chart.data().keySet() + " " + chart.text());
            System.out.println(Charts.bar("Again", "MB", Map.of("a", 1)).text());
        }
    }

    /** Java keeps in the user's folder what fontconfig once said, so that JVM has another one. */
    @Test
    void withoutFontsTheTextComesAloneAndSaysWhatToDo(@TempDir Path home) throws Exception {
        Path none = Files.writeString(home.resolve("fonts.conf"), "<?xml version=\"1.0\"?><fontconfig></fontconfig>");
        ProcessBuilder drawing = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Djava.awt.headless=true",
                        "-Duser.home=" + home,
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Drawing.class.getName())
                .redirectErrorStream(true);
        drawing.environment().put("FONTCONFIG_FILE", none.toString());
        Process process = drawing.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(process.waitFor()).as(said).isZero();
        assumeFalse(said.contains("image/png"), "skipped: this Java finds fonts without fontconfig");
        assertThat(said)
                .contains("[text/plain] Heap: MB from 3 to 5 over documents 0 to 1", "Again (MB): a 1")
                .contains("no fonts", "apt-get install fontconfig fonts-dejavu-core fonts-noto-cjk");
    }

    @Test
    void aHistogramCountsEveryFiniteValue() {
        assertThat(Charts.histogram("Length", "tokens", new int[] {1, 5, 5, 9}).text())
                .isEqualTo("Length: 4 values of tokens from 1 to 9, median 5");
        assertThat(Charts.histogram("Same", "tokens", new double[] {7, 7, Double.NaN})
                        .text())
                .contains("2 values");
        assertThatThrownBy(() -> Charts.histogram("None", "tokens", new double[] {Double.NaN}))
                .hasMessageContaining("expected at least one finite value");
    }

    @Test
    void aTableIsCutAndEscaped() {
        Table table = Table.create(
                "t",
                StringColumn.create(
                        "<b>name</b>",
                        IntStream.range(0, 50)
                                .mapToObj(i -> "<script>" + i + "</script>")
                                .toList()),
                DoubleColumn.create("x", IntStream.range(0, 50).asDoubleStream().toArray()));

        MimeBundle shown = Display.render(table);

        assertThat((String) shown.data().get(MimeBundle.HTML))
                .doesNotContain("<script>", "<b>")
                .contains("&lt;script&gt;19&lt;/script&gt;", "20 of 50 rows", "text-align:right")
                .doesNotContain("&lt;script&gt;20");
        assertThat(shown.text()).contains("20 of 50 rows");
    }

    record Model(String name, long bytes) {}

    @Test
    void recordsAreATableToo() {
        assertThat(TableView.of(List.of(new Model("smollm2", 98_000_000), new Model("qwen", 1)))
                        .rows())
                .isEqualTo(List.of(List.of("smollm2", "98000000"), List.of("qwen", "1")));
    }

    @Test
    void theLastFrameOfTheCurveStays() {
        List<String> frames = new ArrayList<>();
        List<Boolean> updates = new ArrayList<>();
        Display.connect(new DisplaySink() {
            @Override
            public void show(MimeBundle bundle, String id, boolean update) {
                frames.add(bundle.text());
                updates.add(update);
            }

            @Override
            public boolean rich() {
                return true;
            }
        });
        LossCurve curve = LossCurve.live();
        List<TrainingReport.Step> steps = new ArrayList<>();
        TrainingReport report = new TrainingReport(
                1000,
                steps,
                List.of(new TrainingReport.Evaluation(0, 3)),
                List.of(),
                List.of(),
                TrainingReport.Outcome.COMPLETED);
        long start = System.nanoTime();
        for (int i = 1; i <= 1000; i++) {
            steps.add(new TrainingReport.Step(i, i / 500.0, 3.0 / i, 1e-4, 1, 100, 1, Duration.ZERO));
            curve.progressed(report);
        }
        curve.finished(report);
        double seconds = (System.nanoTime() - start) / 1e9;

        assertThat(frames.size()).isLessThanOrEqualTo((int) (2 * seconds) + 2);
        assertThat(frames.get(frames.size() - 1))
                .isEqualTo("Loss at step 1000 of 1000: training 0.0030, held out 3.0000");
        assertThat(updates).startsWith(false);
        assertThat(updates.subList(1, updates.size())).containsOnly(true);
    }
}
