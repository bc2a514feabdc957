package io.tunebook.kernel.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.kernel.options.CommandLine.Option;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommandLineTest {
    private static final List<Option> OPTIONS = List.of(
            Option.of("--out DIR", "where to"),
            Option.of("-p, --parameter NAME VALUE", "a value\nin two lines"),
            Option.of("--html", "a page"));

    @Test
    void optionsValuesAndOperands() {
        CommandLine line = CommandLine.read(
                OPTIONS,
                List.of("a", "-p", "n", "-5", "--out=x=y", "--parameter", "m", "--html", "--out", "z", "--", "--html"));
        assertThat(line.operands()).containsExactly("a", "--html");
        assertThat(line.groups("--parameter")).containsExactly(List.of("n", "-5"), List.of("m", "--html"));
        assertThat(line.all("--out")).containsExactly("x=y", "z");
        assertThat(line.value("--out")).contains("z");
        assertThat(line.has("--html")).isFalse();
        assertThat(line.value("--absent")).isEmpty();
    }

    @Test
    void whatIsWrongIsNamed() {
        assertThatThrownBy(() -> CommandLine.read(OPTIONS, List.of("--speed")))
                .hasMessage("there is no option --speed");
        assertThatThrownBy(() -> CommandLine.read(OPTIONS, List.of("--out")))
                .hasMessage("expected DIR after --out, found nothing");
        assertThatThrownBy(() -> CommandLine.read(OPTIONS, List.of("-p", "n")))
                .hasMessage("expected NAME VALUE after -p, found n");
        assertThatThrownBy(() -> CommandLine.read(OPTIONS, List.of("--html=no")))
                .hasMessage("--html takes no value, found --html=no");
    }

    @Test
    void helpStandsInColumns() {
        assertThat(Option.help(OPTIONS)).isEqualTo("""
                  --out DIR                   where to
                  -p, --parameter NAME VALUE  a value
                                              in two lines
                  --html                      a page
                """);
    }
}
