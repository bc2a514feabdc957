package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.BufferedReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** How likely tokens were, as a client asks for it; {@link OllamaParityTest} has the figures of a real server. */
final class LogprobsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String ASKED =
            "\"messages\":[{\"role\":\"user\",\"content\":\"What is the capital of France?\"}]";
    private static final String EXACT = "\"options\":{\"temperature\":0,\"num_predict\":6}";

    private static String post(String server, String path, String body, int status) throws Exception {
        HttpResponse<String> answer = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create(server + path))
                                .POST(BodyPublishers.ofString("{\"model\":\"smollm2\"," + body + "}"))
                                .build(),
                        BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        return answer.body();
    }

    private static Path model() {
        String model = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(model != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        return Path.of(model);
    }

    @Test
    void anOlderLlamaCppRefusesThemAndSaysWhatIsNeeded() throws Exception {
        assumeTrue(System.getenv(RunnerProcess.LLAMA_CPP) == null, RunnerProcess.LLAMA_CPP + " names a newer one");
        try (EmbeddedOllama server = EmbeddedOllama.start(model(), "smollm2")) {
            String body = post(server.url(), "/api/chat", ASKED + "," + EXACT + ",\"logprobs\":true", 400);
            assertThat(body).contains("newer llama.cpp").contains(RunnerProcess.LLAMA_CPP);
        }
    }

    /** In a process of its own, since a variable of the environment says which llama.cpp is used. */
    @Test
    void aNewerOneTellsThemInEveryForm() throws Exception {
        String libraries = System.getenv("TUNEBOOK_LLAMA_CPP_TESTS");
        assumeTrue(libraries != null, "TUNEBOOK_LLAMA_CPP_TESTS names no folder of llama.cpp");
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                EmbeddedOllama.class.getName(),
                "--model",
                model().toString(),
                "--name",
                "smollm2",
                "--port",
                "0");
        builder.environment().put(RunnerProcess.LLAMA_CPP, libraries);
        Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        try (BufferedReader said = process.inputReader()) {
            Matcher address = Pattern.compile("http://[\\d.:]+").matcher("");
            while (!address.find()) {
                String line = said.readLine();
                assertThat(line).as("the server's address").isNotNull();
                address.reset(line);
            }
            inEveryForm(address.group());
        } finally {
            process.destroy();
            process.waitFor();
        }
    }

    private static void inEveryForm(String server) throws Exception {
        String asked = ASKED + "," + EXACT + ",\"logprobs\":true,\"top_logprobs\":3";
        String body = post(server, "/api/chat", asked + ",\"stream\":false", 200);
        JsonNode whole = JSON.readTree(body);
        StringBuilder text = new StringBuilder();
        for (JsonNode one : whole.get("logprobs")) {
            text.append(one.get("token").asText());
            assertThat(one.get("logprob").asDouble()).isNegative();
            byte[] bytes = one.get("token").asText().getBytes(StandardCharsets.UTF_8);
            assertThat(one.get("bytes")).hasSize(bytes.length);
            JsonNode top = one.get("top_logprobs");
            assertThat(top).hasSize(3);
            assertThat(top.get(0).get("token"))
                    .as("at temperature 0 the likeliest is taken")
                    .isEqualTo(one.get("token"));
            double sum = 0;
            double before = 0;
            for (JsonNode likely : top) {
                assertThat(likely.get("logprob").asDouble()).isLessThanOrEqualTo(before);
                before = likely.get("logprob").asDouble();
                sum += Math.exp(before);
            }
            assertThat(sum).isLessThanOrEqualTo(1.0001);
        }
        assertThat(text.toString()).isEqualTo(whole.at("/message/content").asText());

        ArrayNode streamed = JSON.createArrayNode();
        for (String line : post(server, "/api/chat", asked, 200).split("\n")) {
            JsonNode piece = JSON.readTree(line);
            assertThat(piece.has("logprobs")).isEqualTo(!piece.get("done").asBoolean());
            piece.path("logprobs").forEach(streamed::add);
        }
        assertSame(streamed, whole.get("logprobs"));

        String openAi = ASKED + ",\"temperature\":0,\"max_tokens\":6,\"logprobs\":true,\"top_logprobs\":3";
        JsonNode theirs = JSON.readTree(post(server, "/v1/chat/completions", openAi, 200));
        assertSame(theirs.at("/choices/0/logprobs/content"), whole.get("logprobs"));

        String plain = "\"prompt\":\"Once upon a\",\"temperature\":0,\"max_tokens\":2,\"logprobs\":2";
        JsonNode completed = JSON.readTree(post(server, "/v1/completions", plain, 200));
        assertThat(completed.at("/choices/0").has("logprobs"))
                .as("Ollama leaves them out here")
                .isFalse();
        String smiles = "\"prompt\":\"😀😃😄😁😀😃😄😁\",\"raw\":true,\"stream\":false,\"logprobs\":true,";
        JsonNode emoji = JSON.readTree(post(server, "/api/generate", smiles + EXACT, 200));
        StringBuilder characters = new StringBuilder();
        emoji.get("logprobs").forEach(one -> characters.append(one.get("token").asText()));
        assertThat(characters.toString())
                .as("a character of several tokens is told whole, with the last one's figure")
                .isEqualTo(emoji.get("response").asText())
                .doesNotContain("\ufffd");
        JsonNode none = JSON.readTree(post(server, "/api/chat", ASKED + "," + EXACT + ",\"stream\":false", 200));
        assertThat(none.has("logprobs")).isFalse();
    }

    /**
     * The same tokens, and about the same figures: what was computed at once and what token by token is rounded
     * otherwise.
     */
    private static void assertSame(JsonNode given, JsonNode wanted) {
        assertThat(given).hasSameSizeAs(wanted);
        for (int i = 0; i < wanted.size(); i++) {
            assertThat(given.get(i).get("token")).isEqualTo(wanted.get(i).get("token"));
            assertThat(given.get(i).get("logprob").asDouble())
                    .isCloseTo(wanted.get(i).get("logprob").asDouble(), within(0.1));
        }
    }
}
