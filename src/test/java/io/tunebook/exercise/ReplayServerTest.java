package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.ollama.ChatResponse;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.OllamaException;
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
}
