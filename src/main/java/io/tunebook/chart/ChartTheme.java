package io.tunebook.chart;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontFormatException;
import java.awt.GraphicsEnvironment;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.theme.AbstractBaseTheme;

/**
 * The look of all charts: a font of the machine that can write Chinese, Japanese and Korean, or else the one that comes
 * along (Chinese only); no background, and colours of a medium lightness that can be read on white and on black. XChart
 * draws text as pixels, so the fonts that count are those of the kernel's machine.
 */
final class ChartTheme extends AbstractBaseTheme {
    private static final List<String> FAMILIES = List.of(
            "Noto Sans CJK SC",
            "Noto Sans SC",
            "Source Han Sans SC",
            "Source Han Sans CN",
            "PingFang SC",
            "Hiragino Sans GB",
            "Microsoft YaHei",
            "WenQuanYi Micro Hei",
            "WenQuanYi Zen Hei",
            "Droid Sans Fallback");
    private static final String SAMPLE = "训练损失";
    private static final Optional<String> MISSING;
    private static final Font FONT;

    static {
        Set<String> installed = new TreeSet<>();
        String why = "Java finds none";
        try {
            installed.addAll(Arrays.asList(
                    GraphicsEnvironment.getLocalGraphicsEnvironment().getAvailableFontFamilyNames()));
        } catch (RuntimeException
                | LinkageError
                | InternalError e) { // depends on what is missing and on Java's version
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            why = cause.getMessage();
        }
        MISSING = installed.isEmpty()
                ? Optional.of("No picture, for this machine has no fonts to write with (" + why
                        + "). Install fontconfig and a font, and restart the kernel; on Debian and Ubuntu:"
                        + " apt-get install fontconfig fonts-dejavu-core fonts-noto-cjk")
                : Optional.empty();
        FONT = find(installed);
    }

    /** Contrast of at least 4:1 to white and to JupyterLab's dark background. */
    private static final Color INK = new Color(0x747b85);

    private static final Color GRID = new Color(0x80, 0x80, 0x80, 0x38);
    private static final Color NONE = new Color(0, 0, 0, 0);
    private static final Color[] SERIES = {
        new Color(0x3b82f6), new Color(0xf0761a), new Color(0x16a37a), new Color(0xa855f7), new Color(0xe0457b)
    };

    /** Whether the charts' font can write Chinese. */
    static boolean found() {
        return MISSING.isEmpty() && FONT.canDisplayUpTo(SAMPLE) < 0;
    }

    /** Why nothing can be written at all, and what to do about it. */
    static Optional<String> missing() {
        return MISSING;
    }

    static Color series(int i) {
        return SERIES[i % SERIES.length];
    }

    private static Font find(Set<String> installed) {
        return FAMILIES.stream()
                .filter(installed::contains)
                .map(name -> new Font(name, Font.PLAIN, 12))
                .filter(font -> font.canDisplayUpTo(SAMPLE) < 0)
                .findFirst()
                .or(() -> installed.isEmpty() ? Optional.empty() : own())
                .orElseGet(() -> new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    }

    /**
     * The font that comes along, for machines without a Chinese one; it has the characters that a page of Chinese text
     * needs.
     */
    static Optional<Font> own() {
        try (InputStream in = ChartTheme.class.getResourceAsStream("chart-sans-zh.otf")) {
            return Optional.of(Font.createFont(Font.TRUETYPE_FONT, in).deriveFont(12f));
        } catch (IOException | FontFormatException | RuntimeException e) {
            return Optional.empty(); // this Java cannot open it; Latin letters are drawn all the same
        }
    }

    @Override
    public Font getBaseFont() {
        return FONT;
    }

    @Override
    public Font getChartTitleFont() {
        return FONT.deriveFont(Font.BOLD, 14f);
    }

    @Override
    public Font getLegendFont() {
        return FONT.deriveFont(12f);
    }

    @Override
    public Font getAxisTitleFont() {
        return FONT.deriveFont(12f);
    }

    @Override
    public Font getAxisTickLabelsFont() {
        return FONT.deriveFont(11f);
    }

    @Override
    public Color getChartBackgroundColor() {
        return NONE;
    }

    @Override
    public Color getPlotBackgroundColor() {
        return NONE;
    }

    @Override
    public Color getLegendBackgroundColor() {
        return NONE;
    }

    @Override
    public Color getLegendBorderColor() {
        return NONE;
    }

    @Override
    public Color getChartFontColor() {
        return INK;
    }

    @Override
    public Color getAxisTickLabelsColor() {
        return INK;
    }

    @Override
    public Color getAxisTickMarksColor() {
        return INK;
    }

    @Override
    public Color getPlotGridLinesColor() {
        return GRID;
    }

    @Override
    public BasicStroke getPlotGridLinesStroke() {
        return new BasicStroke(1f);
    }

    @Override
    public boolean isPlotGridVerticalLinesVisible() {
        return false;
    }

    @Override
    public boolean isPlotBorderVisible() {
        return false;
    }

    @Override
    public boolean isPlotTicksMarksVisible() {
        return false;
    }

    @Override
    public boolean isChartTitleBoxVisible() {
        return false;
    }

    @Override
    public Styler.LegendPosition getLegendPosition() {
        return Styler.LegendPosition.InsideNE;
    }

    @Override
    public Color[] getSeriesColors() {
        return SERIES.clone();
    }
}
