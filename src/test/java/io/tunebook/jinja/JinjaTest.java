package io.tunebook.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the template language adds to Jinja: places of failures, limits, spans. */
final class JinjaTest {
    private static final Limits SMALL = new Limits(200_000, 1 << 20, 1000);

    private static String render(String source) {
        return Jinja.parse(source).render(Map.of()).text();
    }

    @Test
    void whatIsNotReachedIsNoError() {
        assertThat(render("{% if false %}{{ x | from_json }}{{ x is from_json }}{% include 'a' %}{% endif %}ok"))
                .isEqualTo("ok");
        assertThatThrownBy(() -> render("a\n {{ x | from_json }}"))
                .isInstanceOfSatisfying(TemplateException.class, e -> {
                    assertThat(e.line()).isEqualTo(2);
                    assertThat(e.column()).isEqualTo(9);
                    assertThat(e).hasMessage("line 2, column 9: expected a filter that is known, found |from_json");
                });
    }

    @Test
    void integersKeepTheirDigits() {
        Map<String, Object> call = Map.of("id", new BigInteger("12345678901234567890"));
        assertThat(Jinja.parse("{{ call | tojson }} {{ call.id + 1 }} {{ 2 ** 100 }} {{ 10 ** 18 * 10 ** 3 // 7 }}")
                        .render(Map.of("call", call))
                        .text())
                .isEqualTo("{\"id\": 12345678901234567890} 12345678901234567891 1267650600228229401496703205376"
                        + " 142857142857142857142");
    }

    /** Each of them takes the whole memory or for ever without a limit. */
    @ParameterizedTest
    @Timeout(60)
    @ValueSource(
            strings = {
                "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                "{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}",
                "{{ 'a'.split('') }}",
                "{{ 'a'.rsplit('') }}",
                "{{ 'a' * 10 ** 12 }}",
                "{{ 'a' * 2 ** 70 }}",
                "{{ [1] * 10 ** 12 }}",
                "{{ 10 ** (10 ** 10) }}",
                "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
                "{{ ('a' * 100000) | replace('', 'b' * 100000) }}",
                "{{ '%1000000000d' % 1 }}",
                "{{ '{:1000000000}'.format(1) }}",
                "{{ 'a'.center(10 ** 12) }}",
                "{{ 'a' | indent(10 ** 12, true) }}",
                "{{ 'a\tb'.expandtabs(10 ** 12) }}",
                "{{ [1] | batch(10 ** 12, 0) | list }}",
                "{{ [] | slice(10 ** 12, 0) | list }}",
                "{{ [[1]] | tojson(indent=10 ** 12) }}",
                "{{ ('x' * 100000).join('y' * 100000) }}",
                "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
                "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
                "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                "{% set ns = namespace(x=3) %}{% for i in range(100) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
                "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
                "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "{% for i in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
                "{% set t = ('ab' * 1000).split('b') %}{% for i in range(100000) %}{{ 'x' in t }}{{ t | sort }}{% endfor %}"
            })
    void aTemplateThatGoesOnForEverEndsWithAMessage(String source) {
        assertThatThrownBy(() -> Jinja.parse(source).render(Map.of(), SMALL))
                .isInstanceOfSatisfying(
                        TemplateException.class, e -> assertThat(e.line()).isEqualTo(1));
    }

    @ParameterizedTest
    @Timeout(60)
    @CsvSource({"(, )", "[, ]", "{1: , }", "'not ', ''", "'- ', ''", "'a(', )", "'a[', ]", "'1 if a else ', ''"})
    void deepNestingIsRefusedWhenItIsParsed(String open, String close) {
        String source = "{{ " + open.repeat(10_000) + "1" + close.repeat(10_000) + " }}";
        assertThatThrownBy(() -> Jinja.parse(source))
                .isInstanceOfSatisfying(
                        TemplateException.class, e -> assertThat(e.column()).isPositive());
        String deepest = "{{ " + open.repeat(60) + "1" + close.repeat(60) + " }}";
        assertThat(Jinja.parse(deepest)).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {" + 1", " ~ 'a'", " and 1", ".a", "|e", "(1)", " is none", " < 1", " if 1"})
    void longChainsDoNotOverflowTheStack(String link) {
        String source = "{{ 1" + link.repeat(50_000) + " }}";
        try {
            Jinja.parse(source).render(Map.of());
        } catch (TemplateException e) {
            assertThat(e.line()).isEqualTo(1);
        }
    }

    @Test
    void deepBlocksAreRefused() {
        String source = "{% if 1 %}".repeat(10_000) + "{% endif %}".repeat(10_000);
        assertThatThrownBy(() -> Jinja.parse(source)).isInstanceOf(TemplateException.class);
    }

    @Test
    @Timeout(60)
    void aRenderingCanBeInterrupted() throws InterruptedException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Limits none = new Limits(Long.MAX_VALUE, Long.MAX_VALUE, 1000);
        Thread thread = new Thread(() -> {
            try {
                Jinja.parse("{% for i in range(100000) %}\n{% for j in range(100000) %}{% endfor %}{% endfor %}")
                        .render(Map.of(), none);
            } catch (TemplateException e) {
                failure.set(e);
            }
        });
        thread.start();
        thread.interrupt();
        thread.join();
        assertThat(failure.get()).isInstanceOf(TemplateException.class).hasMessageEndingWith("interrupted");
    }

    /** Wherever it fails, at parse or at run, the place is where the wrong thing stands. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "{{ 1 + # 1 # 7",
                "{{ 'abc }} # 1 # 4",
                "{% if x %} # 1 # 11",
                "ab{{ raise_exception('no') }} # 1 # 21",
                "{{ none.x.y.z }} # 1 # 10",
                "{{ [1, 2][9] + 1 }} # 1 # 14",
                "{{ 'é🙂' ~ (1 + 'a') }} # 1 # 14",
                "{{ 99999999999999999999999 | round(99999999999999999999999) }} # 1 # 30",
                "{{ '\\U99999999' }} # 1 # 4",
                "{{ '\\u12' }} # 1 # 4",
                "{{ dict(a=1, a=2) }} # 1 # 14",
                "{% for a, b in [1] %}{% endfor %} # 1 # 4",
                "{% break %} # 1 # 4",
                "{{ items() }} # 1 # 9",
                "{{ range(200000) }} # 1 # 9",
                "{{ {}[[]] | abs }} # 1 # 13"
            })
    void failuresHaveLineAndColumn(String source, int line, int column) {
        assertThatThrownBy(() -> render(source)).isInstanceOfSatisfying(TemplateException.class, e -> {
            assertThat(e.line()).isEqualTo(line);
            assertThat(e.column()).isEqualTo(column);
        });
    }

    @Test
    void spansNameTheElementsThatWroteThem() {
        Map<String, Object> hello = new LinkedHashMap<>(Map.of("content", "Hello"));
        Map<String, Object> bye = new LinkedHashMap<>(Map.of("content", "Bye"));
        Jinja.Rendered rendered = Jinja.parse(
                        "<{% for m in messages %}[{% generation %}{{ m.content }}{% endgeneration %}]{% endfor %}>")
                .render(Map.of("messages", List.of(hello, bye)));
        assertThat(rendered.text()).isEqualTo("<[Hello][Bye]>");
        assertThat(rendered.loops()).hasSize(2);
        assertThat(rendered.loops().get(0).element()).isSameAs(hello);
        assertThat(rendered.loops().get(1).element()).isSameAs(bye);
        assertThat(rendered.loops().get(1))
                .extracting(Jinja.Span::start, Jinja.Span::end)
                .containsExactly(8, 13);
        assertThat(rendered.generations()).containsExactly(new Jinja.Span(null, 2, 7), new Jinja.Span(null, 9, 12));
    }

    @Test
    void variablesOfOtherTypesAreRefused() {
        List<Object> odd = new ArrayList<>(List.of(new Object()));
        assertThatThrownBy(() -> Jinja.parse("").render(Map.of("x", odd)))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("java.lang.Object");
    }

    /** The right values are those of CPython on Linux for datetime(2024, 2, 5, 4, 7, 9, 120). */
    @Test
    void timesAreWrittenAsByStrftime() {
        LocalDateTime time = LocalDateTime.of(2024, 2, 5, 4, 7, 9, 120_000);
        assertThat(Strftime.format(
                        time, "%a %A %b %B %d %-d %e %y %Y %m %-m %H %I %l %-I %M %S %f %p %j %U %W %V %G %u %w %%"))
                .isEqualTo(
                        "Mon Monday Feb February 05 5  5 24 2024 02 2 04 04  4 4 07 09 000120 AM 036 05 06 06 2024 1 1 %");
        assertThat(Strftime.format(time, "%c|%x|%X|%D|%F|%T|%R|%r|%^a|%#p|%h|%C|%n|%Z|%q"))
                .isEqualTo(
                        "Mon Feb  5 04:07:09 2024|02/05/24|04:07:09|02/05/24|2024-02-05|04:07:09|04:07|04:07:09 AM|MON|am|Feb|20|\n||%q");
        assertThat(render("{{ strftime_now('%Y') }}"))
                .isEqualTo(Integer.toString(LocalDateTime.now().getYear()));
    }
}
