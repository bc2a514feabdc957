package io.tunebook.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.jinja.Globals.Strftime;
import io.tunebook.jinja.Jinja.Limits;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
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

    /** The right values are Jinja2 3.1.6's, in the environment of bench/reference/jinja_golden.py. */
    static Stream<Arguments> parts() {
        return Stream.of(
                Arguments.of(
                        "{{ missing | map('upper') | list }}{{ missing | select | list }}{{ missing | join(',') }}{{ miss"
                                + "ing | list }}{{ missing | sort }}{{ missing | unique | list }}{{ missing | groupby('a') | list }"
                                + "}{{ missing | batch(2) | list }}{{ missing | length }}{{ missing | sum }}",
                        "[][][][][][][]00"),
                Arguments.of(
                        "{{ none | map('upper') | list }}{{ none | map(attribute='a') | list }}{{ none | select | list }}"
                                + "{{ none | reject | list }}{{ none | selectattr('a') | list }}{{ none | rejectattr('a') | list }}"
                                + "{% for x in missing %}x{% else %}none{% endfor %}",
                        "[][][][][][]none"),
                Arguments.of(
                        "{% macro box(w) %}<{{ w }}:{{ caller('in') }}>{% endmacro %}{% call(x) box(3) %}{{ x }}{% endcal"
                                + "l %}",
                        "<3:in>"),
                Arguments.of(
                        "{% macro f(a, b, c=9) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ f(*[1, 2]) }} {{ f(*[1], **{'b':"
                                + " 4, 'c': 5}) }}",
                        "1-2-9 1-4-5"),
                Arguments.of("{{ '%d' % 3.9 }} {{ '%05.1f|%-4s|%x' % (2.25, 'ab', 255) }}", "3 002.2|ab  |ff"),
                Arguments.of(
                        "{{ dict(a=1, b='x') }} {{ dict([('k', 2)], c=3) }} {{ dict({'a': 1}, b=2).b }}",
                        "{'a': 1, 'b': 'x'} {'k': 2, 'c': 3} 2"),
                Arguments.of(
                        "{% set ns = namespace(n=0, s='') %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% set ns.s "
                                + "= ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}",
                        "6123"),
                Arguments.of(
                        "{% for k, v in {'b': 1, 'A': 3, 'c': 2} | dictsort %}{{ k }}{{ v }}{% endfor %} {{ {'b': 1, 'A':"
                                + " 3} | dictsort(true) }} {{ {'b': 1, 'A': 3} | dictsort(by='value', reverse=true) }}",
                        "A3b1c2 [('A', 3), ('b', 1)] [('A', 3), ('b', 1)]"),
                Arguments.of(
                        "{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 42.55 | round(1, 'floor') }} {{ 42"
                                + ".51 | round(1, 'ceil') }} {{ 1234 | round(-2) }}",
                        "2.0 4.0 2.67 42.5 42.6 1200"),
                Arguments.of(
                        "{{ ['a', 'A', 'b', 'B', 'a'] | unique | list }} {{ ['a', 'A'] | unique(true) | list }} {{ [{'x':"
                                + " 1}, {'x': 1}, {'x': 2}] | unique(attribute='x') | list }}",
                        "['a', 'b'] ['a', 'A'] [{'x': 1}, {'x': 2}]"),
                Arguments.of(
                        "{{ [{'a': 1}, {'b': 2}, {}] | map(attribute='a', default='none') | list }}",
                        "[1, 'none', 'none']"),
                Arguments.of(
                        "{{ [1, 2, 1.0, '1'] | select('==', 1) | list }} {{ [1, 5, 3] | select('>', 2) | list }} {{ [1, 2"
                                + "] | reject('!=', 2) | list }} {{ [{'a': 2}, {'a': 3}] | selectattr('a', '==', 3) | list }}",
                        "[1, 1.0] [5, 3] [2] [{'a': 3}]"),
                Arguments.of(
                        "{% for g in [{'c': 'x', 'n': 1}, {'c': 'y', 'n': 2}, {'c': 'x', 'n': 3}] | groupby('c') %}{{ g.g"
                                + "rouper }}:{{ g.list | map(attribute='n') | list }};{% endfor %}",
                        "x:[1, 3];y:[2];"),
                Arguments.of(
                        "{{ range(7) | batch(3) | list }} {{ range(7) | batch(3, 'z') | list }} {{ range(7) | slice(3) | "
                                + "list }}",
                        "[[0, 1, 2], [3, 4, 5], [6]] [[0, 1, 2], [3, 4, 5], [6, 'z', 'z']] [[0, 1, 2], [3, 4], [5, 6]]"),
                Arguments.of(
                        "{% set j = joiner(', ') %}{% set c = cycler('odd', 'even') %}{% for i in range(3) %}{{ j() }}{{ "
                                + "c.next() }}{% endfor %} {{ c.current }}{% set _ = c.reset() %} {{ c.current }}",
                        "odd, even, odd even odd"),
                Arguments.of(
                        "{% for i in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ l"
                                + "oop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth "
                                + "}}{{ loop.depth0 }}{{ loop.cycle('x', 'y') }}{{ loop.changed(i) }} {% endfor %}",
                        "1032TrueFalse3b10xTrue 2121FalseFalse3ac10yTrue 3210FalseTrue3b10xTrue "),
                Arguments.of(
                        "{{ 'ab' * 3 }} {{ [1] * 2 }} {{ 2 * 'x' }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 2 ** 3 *"
                                + "* 2 }} {{ 10 ** 25 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }}",
                        "ababab [1, 1] xx 1024 0.5 4 64 10000000000000000000000000 3 -4 2"),
                Arguments.of(
                        "{{ {'id': 12345678901234567890} | tojson }} {{ 12345678901234567890 + 1 }}",
                        "{\"id\": 12345678901234567890} 12345678901234567891"));
    }

    @ParameterizedTest
    @MethodSource("parts")
    void whatTemplatesUseIsAsInJinja(String source, String expected) {
        assertThat(render(source)).isEqualTo(expected);
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
