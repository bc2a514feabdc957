package io.tunebook.prepare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Each rule on both sides of its threshold. */
final class QualityRuleTest {
    private static final String ENGLISH =
            "The quick fox and the lazy dog have met that day, and to be honest, with joy. ";

    /** Different words, none of them a stop word. */
    private static String words(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "word" + (char) ('a' + i % 26) + i)
                .collect(Collectors.joining(" "));
    }

    private static String lines(int one, String first, int two, String second) {
        List<String> lines = new ArrayList<>(Collections.nCopies(one, first));
        lines.addAll(Collections.nCopies(two, second));
        return String.join("\n", lines);
    }

    /** So many lines of which no two are the same. */
    private static String different(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "line number " + i + " of a longer text, without any repetition " + i * 31 + ".")
                .collect(Collectors.joining("\n"));
    }

    @Test
    void eachRuleRemovesWhatItIsAboutAndKeepsTheRest() {
        Map<QualityRule, List<String>> removed = Map.ofEntries(
                Map.entry(QualityRule.GOPHER_WORDS, List.of(words(49), words(100_001))),
                Map.entry(QualityRule.GOPHER_WORD_LENGTH, List.of("a b ".repeat(50), "extraordinarily ".repeat(60))),
                Map.entry(QualityRule.GOPHER_SYMBOLS, List.of(words(50) + " # # # … ... ...")),
                Map.entry(QualityRule.GOPHER_BULLETS, List.of(lines(19, "• a point", 1, "a sentence"))),
                Map.entry(QualityRule.GOPHER_ELLIPSES, List.of(lines(4, "and then…", 6, "a sentence."))),
                Map.entry(QualityRule.GOPHER_LETTERS, List.of(words(70) + " 1 2 3".repeat(10))),
                Map.entry(
                        QualityRule.GOPHER_STOP_WORDS,
                        List.of("It is not for you, this is not what was said, it was not what is it. ".repeat(3))),
                Map.entry(QualityRule.GOPHER_REPEATED_LINES, List.of(lines(5, "a", 6, "b"))),
                Map.entry(
                        QualityRule.GOPHER_REPEATED_LINE_CHARACTERS,
                        List.of(different(3) + "\n" + lines(2, "x".repeat(100), 1, "b"))),
                Map.entry(QualityRule.GOPHER_REPEATED_PARAGRAPHS, List.of("a\n\nb\n\na\n\na\n\nb")),
                Map.entry(
                        QualityRule.GOPHER_REPEATED_PARAGRAPH_CHARACTERS,
                        List.of(words(5) + ("\n\n" + words(40)).repeat(2))),
                Map.entry(
                        QualityRule.GOPHER_TOP_RUNS,
                        List.of((words(4) + " buy now ").repeat(30), "well done ".repeat(9))),
                Map.entry(QualityRule.GOPHER_REPEATED_RUNS, List.of((words(12) + " ").repeat(2) + words(20))),
                Map.entry(QualityRule.C4_LOREM_IPSUM, List.of(ENGLISH + "Lorem Ipsum dolor")),
                Map.entry(QualityRule.C4_CURLY_BRACKET, List.of(ENGLISH + "if (a) { b(); }")),
                Map.entry(QualityRule.FINEWEB_PUNCTUATION, List.of(lines(1, "a sentence.", 9, "a title"))),
                Map.entry(
                        QualityRule.FINEWEB_SHORT_LINES,
                        List.of(lines(7, "short.", 3, "this line is longer than thirty characters."))),
                Map.entry(QualityRule.FINEWEB_REPEATED_LINES, List.of(different(4) + "\nagain\nagain")),
                Map.entry(QualityRule.FINEWEB_LINE_BREAKS, List.of(lines(10, "two words", 10, "three more words"))),
                Map.entry(QualityRule.DOLMA_PUNCTUATION, List.of(lines(1, "a title", 9, "a title too"))),
                Map.entry(QualityRule.DOLMA_REPETITION, List.of(ENGLISH + "ha ".repeat(100))),
                Map.entry(QualityRule.DATA_JUICER_ALPHANUMERIC, List.of("ab -- !! ?? ++ ==")),
                Map.entry(QualityRule.DATA_JUICER_SPECIAL, List.of("a1 b2 c3 d4 e5")),
                Map.entry(QualityRule.DATA_JUICER_REPETITION, List.of("x".repeat(300), words(20) + "=".repeat(400))));
        assertThat(removed.keySet()).containsExactlyInAnyOrder(QualityRule.values());
        removed.forEach((rule, texts) -> texts.forEach(
                text -> assertThat(rule.keeps(text)).as(rule + ": " + text).isFalse()));
        String good = ENGLISH + "It is not much, but it was what they all wanted from the start of a long walk home. "
                + "Nobody had thought of rain, of wind or of the cold that comes to these hills in early autumn, "
                + "so we sat down by the fire and told each other stories until the moon stood high above us.";
        for (QualityRule rule : QualityRule.values()) {
            assertThat(rule.keeps(good)).as(rule.name()).isTrue();
        }
    }

    @Test
    void chineseIsMeasuredByCharacters() {
        String chinese =
                "北京是中华人民共和国的首都，位于华北平原的北部边缘，历史悠久，文化灿烂，是世界著名的古都和现代化国际城市。" + "这里有故宫、长城和颐和园等许多名胜古迹，每年吸引着来自全世界各地的游客前来参观游览。";
        for (QualityRule rule : QualityRule.values()) {
            assertThat(rule.keeps(chinese)).as(rule.name()).isTrue();
        }
        assertThat(QualityRule.GOPHER_WORDS.keeps(chinese.substring(0, 30))).isFalse();
        assertThat(QualityRule.GOPHER_REPEATED_RUNS.keeps(
                        chinese.substring(0, 40).repeat(3)))
                .isFalse();
    }

    @Test
    void theGroupsAreWhatTheirPublishersApply() {
        assertThat(QualityRule.gopher()).hasSize(13);
        assertThat(QualityRule.fineWeb()).hasSize(19).containsAll(QualityRule.gopher());
        assertThat(QualityRule.dolma()).hasSize(15);
        assertThat(QualityRule.dataJuicer()).hasSize(3);
    }
}
