package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.ChatRequest;
import io.tunebook.ollama.ChatResponse;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.OllamaException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** The three failures that the course shows, as Ollama's client meets them. */
final class ReplayServerTest {
    private static final String PIECE =
            "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}";
    private static final String DONE =
            "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true}";

    @Test
    void wholeAnswersArriveWithTheirThoughtsApart() throws Exception {
        String thought =
                "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm.\"},\"done\":false}";
        try (ReplayServer server = ReplayServer.answering(thought, PIECE, DONE)) {
            ChatResponse answer = Ollama.connect(server.url()).chat("m", "Hello?");
            assertThat(answer.text()).isEqualTo("Hi");
            assertThat(answer.thinking()).isEqualTo("Hm.");
        }
    }

    @Test
    void anErrorAfterStatus200IsAnError() throws Exception {
        try (ReplayServer server = ReplayServer.answering(PIECE, "{\"error\":\"out of luck\"}")) {
            assertThatThrownBy(() -> Ollama.connect(server.url()).chat("m", "Hello?"))
                    .isInstanceOf(OllamaException.class)
                    .hasMessageContaining("out of luck");
        }
    }

    @Test
    void aConnectionThatIsCutIsABrokenStream() throws Exception {
        try (ReplayServer server = ReplayServer.cuttingOff(PIECE)) {
            assertThatThrownBy(() -> Ollama.connect(server.url()).chat("m", "Hello?"))
                    .isInstanceOf(OllamaException.BrokenStream.class);
        }
    }

    /** However soon the connection breaks: the JDK's client may tell of it before it hands the answer over. */
    @RepeatedTest(100)
    void whatCameBeforeTheCutIsShown() throws Exception {
        List<String> pieces = new ArrayList<>();
        try (ReplayServer server = ReplayServer.cuttingOff(PIECE)) {
            ChatRequest request = ChatRequest.of("m", ChatMessage.user("Hello?"));
            assertThatThrownBy(() -> Ollama.connect(server.url()).chat(request, piece -> pieces.add(piece.text())))
                    .isInstanceOf(OllamaException.BrokenStream.class);
        }
        assertThat(pieces).containsExactly("Hi");
    }
}
