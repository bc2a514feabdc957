package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.ollama.server.LlamaCppEngine.AnswerText;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

final class AnswerTextTest {
    private static List<String> told(AnswerText text, byte[]... pieces) {
        List<String> told = new ArrayList<>();
        for (byte[] piece : pieces) {
            told.add(text.add(piece));
        }
        return told;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void aCharacterIsToldWhenItIsWhole() {
        byte[] smile = bytes("😀");
        AnswerText text = new AnswerText(List.of());
        assertThat(told(
                        text,
                        bytes("a"),
                        Arrays.copyOfRange(smile, 0, 1),
                        Arrays.copyOfRange(smile, 1, 3),
                        Arrays.copyOfRange(smile, 3, 4),
                        bytes("é")))
                .containsExactly("a", "", "", "😀", "é");
        assertThat(text.end()).isEmpty();
    }

    @Test
    void whatIsNoUtf8HoldsNothingUp() {
        AnswerText text = new AnswerText(List.of());
        assertThat(text.add(new byte[] {(byte) 0x80, 'a'})).isEqualTo("\ufffda");
        assertThat(text.add(new byte[] {(byte) 0xe2})).isEmpty();
        assertThat(text.add(bytes("b"))).isEqualTo("\ufffdb");
        assertThat(text.add(new byte[] {(byte) 0xf0, (byte) 0x9f})).isEmpty();
        assertThat(text.end()).as("half a character").isEmpty();
    }

    @Test
    void whatMayBecomeAStopWaitsForTheNextTokens() {
        AnswerText text = new AnswerText(List.of("</s>", "END"));
        assertThat(told(text, bytes("x <"), bytes("/"), bytes("b"), bytes(" E"), bytes("N"), bytes("D and more")))
                .containsExactly("", "", "x </b", "", "", " ");
        assertThat(text.stopped()).isTrue();
    }

    @Test
    void theFirstStopCountsAndIsLeftOutWithWhatFollows() {
        AnswerText text = new AnswerText(List.of("cd", "b"));
        assertThat(text.add(bytes("abcd"))).isEqualTo("a");
        assertThat(text.stopped()).isTrue();
    }

    @Test
    void whatWaitedIsToldAtTheEnd() {
        AnswerText text = new AnswerText(List.of("END"));
        assertThat(text.add(bytes("the EN"))).isEmpty();
        assertThat(text.stopped()).isFalse();
        assertThat(text.end()).isEqualTo("the EN");
    }
}
