package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** However an answer is cut into pieces, its thoughts and its text come out the same. */
class ThinkingSplitterTest {
    private record Case(String prompt, String answer, String thinking, String content) {}

    private static final List<Case> CASES = List.of(
            new Case("", "<think>\nhm, < or </?\n</think>\n\nParis", "hm, < or </?\n", "Paris"),
            new Case("", "\n<think>a</think>b</think>", "a", "b</think>"),
            new Case("", "1 < 2 <think>not</think>", "", "1 < 2 <think>not</think>"),
            new Case("…<think>\n", "hm\n</think>\n\nParis", "hm\n", "Paris"),
            new Case("…<think>\n", "never ends </thin", "never ends </thin", ""),
            new Case("", "<thi", "", "<thi"));

    @Property
    void anyPieces(@ForAll List<@IntRange(min = 0, max = 40) Integer> cuts) {
        for (Case c : CASES) {
            List<Integer> at = new ArrayList<>(cuts);
            at.removeIf(i -> i > c.answer().length());
            at.add(0);
            at.add(c.answer().length());
            at.sort(null);
            ThinkingSplitter splitter = new ThinkingSplitter(c.prompt(), "<think>", "</think>");
            StringBuilder thinking = new StringBuilder();
            StringBuilder content = new StringBuilder();
            for (int i = 1; i < at.size(); i++) {
                ThinkingSplitter.Piece p = splitter.push(c.answer().substring(at.get(i - 1), at.get(i)));
                thinking.append(p.thinking());
                content.append(p.content());
            }
            ThinkingSplitter.Piece end = splitter.end();
            assertThat(thinking.append(end.thinking())).hasToString(c.thinking());
            assertThat(content.append(end.content())).hasToString(c.content());
        }
    }
}
