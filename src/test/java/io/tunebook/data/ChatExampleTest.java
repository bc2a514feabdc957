package io.tunebook.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ChatExampleTest {
    private static final ChatExample HELLO =
            ChatExample.of(Message.system("Be kind."), Message.user("你好\nNow"), Message.assistant("Hello 👋"));

    @TempDir
    Path folder;

    private List<ChatExample> read(String json) throws IOException {
        return ChatExample.read(Files.writeString(folder.resolve("chat.json"), json));
    }

    @ParameterizedTest
    @ValueSource(strings = {"""
                {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "你好\\nNow"},
                  {"role": "assistant", "content": [{"type": "text", "text": "Hello "}, {"type": "text", "text": "👋"}]}]}""", """
                {"id": "x", "system": "Be kind.", "conversations": [{"from": "human", "value": "你好\\nNow"},
                  {"from": "gpt", "value": "Hello \\ud83d\\udc4b"}]}""", """
                {"system": "Be kind.", "instruction": "你好", "input": "Now", "output": "Hello 👋", "history": []}""", """
                {"prompt": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "你好\\nNow"}], "completion": "Hello 👋"}"""})
    void everyFormGivesTheSameConversation(String record) throws IOException {
        assertThat(read(record)).containsExactly(HELLO);
        assertThat(read("[" + record + ",\n" + record + "]")).containsExactly(HELLO, HELLO);
    }

    @Test
    void alpacaWithHistoryAndPlainPromptAndCompletion() throws IOException {
        assertThat(read("""
                        {"instruction": "c", "input": "", "output": "d", "history": [["a", "b"]]}
                        {"prompt": "p", "completion": "q"}
                        """))
                .containsExactly(
                        ChatExample.of(
                                Message.user("a"), Message.assistant("b"), Message.user("c"), Message.assistant("d")),
                        ChatExample.of(Message.user("p"), Message.assistant("q")));
    }

    /** OpenAI's form, with arguments as a text, and that of ShareGPT with calls and tools as texts. */
    @ParameterizedTest
    @ValueSource(strings = {"""
                {"messages": [{"role": "user", "content": "Rain?"},
                  {"role": "assistant", "content": null, "tool_calls": [{"type": "function",
                    "function": {"name": "weather", "arguments": "{\\"city\\": \\"茶\\", \\"days\\": 2}"}}]},
                  {"role": "tool", "content": "no"}, {"role": "assistant", "content": "No."}],
                 "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}]}""", """
                {"conversations": [{"from": "human", "value": "Rain?"},
                  {"from": "function_call", "value": "{\\"name\\": \\"weather\\", \\"arguments\\": {\\"city\\": \\"茶\\", \\"days\\": 2}}"},
                  {"from": "observation", "value": "no"}, {"from": "gpt", "value": "No."}],
                 "tools": "[{\\"name\\": \\"weather\\", \\"parameters\\": {}}]"}"""})
    void callsOfToolsAreKept(String record) throws IOException {
        Map<String, Object> arguments = Map.of("city", "茶", "days", 2);
        Map<String, Object> call =
                Map.of("type", "function", "function", Map.of("name", "weather", "arguments", arguments));
        Map<String, Object> tool =
                Map.of("type", "function", "function", Map.of("name", "weather", "parameters", Map.of()));
        assertThat(read(record))
                .containsExactly(new ChatExample(
                        List.of(
                                Message.user("Rain?"),
                                new Message("assistant", "", Map.of("tool_calls", List.of(call))),
                                new Message("tool", "no"),
                                Message.assistant("No.")),
                        List.of(tool)));
    }

    @Test
    void csvAndParquetHoldConversationsToo() throws Exception {
        Path csv = Files.writeString(folder.resolve("chat.csv"), "instruction,input,output\n\"a, b\",,\"c\nd\"\n");
        assertThat(ChatExample.read(csv))
                .containsExactly(ChatExample.of(Message.user("a, b"), Message.assistant("c\nd")));
        Path parquet = folder.resolve("chat.parquet");
        try (var duckdb = DriverManager.getConnection("jdbc:duckdb:");
                var statement = duckdb.createStatement()) {
            statement.execute(
                    "COPY (SELECT [{'role': 'user', 'content': '问'}, {'role': 'assistant', 'content': '答'}] AS messages) TO '"
                            + parquet + "' (FORMAT parquet)");
        }
        assertThat(ChatExample.read(parquet))
                .containsExactly(ChatExample.of(Message.user("问"), Message.assistant("答")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "{\"messages\": [{\"role\": \"bot\", \"content\": \"x\"}]} | example 1, messages[0].role: expected system, user (human), assistant (gpt) or tool, found \"bot\"",
                "{\"conversations\": [{\"from\": \"human\", \"value\": \"x\"}, {\"from\": \"gpt\"}]} | example 1, conversations[1].value: expected a text, found none",
                "{\"instruction\": \"x\", \"output\": 7} | example 1, output: expected a text, found 7",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]} | example 1, message 0 (user): expected the assistant's answer at the end",
                "{\"prompt\": \"x\", \"completion\": \" \"} | example 1, message 1 (assistant): expected a text, found a blank one",
                "{\"question\": \"x\"} | example 1, fields [question]: expected messages (OpenAI)",
                "{\"messages\": []} | example 1, messages: expected at least a question and an answer",
                "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": \"{\"}}]}]} | example 1, messages[0].tool_calls[0].function.arguments: expected JSON, found {",
                "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"f\"}]}]} | example 1, messages[0].tool_calls[0].function: expected an object with name and arguments",
                "{\"prompt\": \"p\", \"completion\": \"q\", \"tools\": 7} | example 1, tools: expected a list, found 7",
                "{\"messages\": [7]} | example 1, messages[0]: expected an object, found 7",
                "{\"prompt\": x} | outside of a string",
            })
    void saysWhichExampleIsWrongAndWhere(String record, String message) {
        assertThatThrownBy(() -> read("{\"prompt\": \"p\", \"completion\": \"q\"}\n" + record + "\n"))
                .isInstanceOf(CorpusException.class)
                .hasMessageContaining("chat.json, line 2, byte ")
                .hasMessageContaining(message);
    }

    @Test
    void listsAllThatIsWrong() {
        assertThatThrownBy(
                        () -> read("{\"prompt\": 1, \"completion\": \"q\"}\n{\"prompt\": \"p\", \"completion\": 2}\n"))
                .hasMessageContaining("2 examples are wrong")
                .hasMessageContaining("example 0, prompt")
                .hasMessageContaining("example 1, completion");
    }

    private static final String GOOD =
            "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n";

    /** Rows that are whole JSON but no conversations, and rows that are broken JSON. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"\"}]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": nil}]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a]}",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": tru}]}",
                "{\"messages\": [{\"messages\": [{\"messages\": 1}]}, {\"role\": \"assistant\", \"content\": \"a\"}]}"
            })
    void aWrongRowIsOneErrorWithItsLineAndItsNumber(String bad) throws IOException {
        assertThatThrownBy(() -> read(bad))
                .isInstanceOfSatisfying(
                        CorpusException.class, e -> assertThat(e.line()).isEqualTo(1))
                .hasMessageContaining("chat.json, line 1, byte ")
                .message()
                .hasLineCount(1);
        assertThatThrownBy(() -> read(bad + "\n" + GOOD + bad + "\n"))
                .message()
                .startsWith("2 examples are wrong:")
                .hasLineCount(3)
                .contains("line 1, byte ", "line 3, byte ");
        assertThatThrownBy(() -> read((bad + "\n").repeat(50))).message().startsWith("50 examples are wrong:");
        Path file = Files.writeString(folder.resolve("chat.json"), (bad + "\n" + GOOD).repeat(3));
        Corpus corpus = Corpus.open(file).onError(Corpus.OnError.SKIP);
        assertThat(ChatExample.from(corpus)).hasSize(3);
        assertThat(corpus.problems().count()).isEqualTo(3);
        assertThat(corpus.problems().first()).extracting(CorpusException::line).containsExactly(1L, 3L, 5L);
    }

    @Test
    void theNumberOfAWrongRowCountsTheWrongOnes() {
        String blank = "{\"prompt\": \"q\", \"completion\": \"\"}\n";
        assertThatThrownBy(() -> read(blank + GOOD + blank))
                .hasMessageContaining(
                        "line 1, byte 0: example 0, message 1 (assistant): expected a text, found a blank")
                .hasMessageContaining("example 2, message 1 (assistant)");
    }

    @Test
    void rowsInAnArrayAreOneErrorEachToo() {
        String bad =
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": nil}]}";
        assertThatThrownBy(() -> read("[" + bad + "," + GOOD + "," + bad + "]"))
                .message()
                .startsWith("2 examples are wrong:");
    }

    @ParameterizedTest
    @ValueSource(strings = {"reasoning_content", "thinking", "reasoning"})
    void aThoughtIsOneThingUnderAllItsNames(String name) throws IOException {
        List<ChatExample> named = read("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"},"
                + "{\"role\": \"assistant\", \"content\": \"42\", \"" + name + "\": \"because\\n\"}]}");
        Message answer = named.get(0).messages().get(1);
        assertThat(answer.thought()).contains("because");
        assertThat(answer.answer()).isEqualTo("42");
        assertThat(answer.more()).containsOnlyKeys("reasoning_content");
        Message inline = Message.assistant("<think>\nbecause\n</think>\n\n42");
        assertThat(inline.thought()).contains("because");
        assertThat(inline.answer()).isEqualTo("42");
        Message none = Message.assistant("a <think>tag</think> in the middle");
        assertThat(none.thought()).isEmpty();
        assertThat(none.answer()).isEqualTo(none.content());
        assertThat(Message.assistant("<think>\n\n</think>\n\n42").thought()).isEmpty();
        assertThat(Message.assistant("<think>\n\n</think>\n\n42").answer()).isEqualTo("42");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"weight\": 0", "\"train\": false", "\"loss_mask\": 0", "\"loss_weight\": 0.0"})
    void aTurnCanBeContextOnly(String mark) throws IOException {
        List<Message> messages = read("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"},"
                        + "{\"role\": \"assistant\", \"content\": \"no\", " + mark + "},"
                        + "{\"role\": \"user\", \"content\": \"q\"},"
                        + "{\"role\": \"assistant\", \"content\": \"yes\", \"weight\": 1}]}")
                .get(0)
                .messages();
        assertThat(messages).extracting(Message::learned).containsExactly(true, false, true, true);
        assertThatThrownBy(() -> read("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"},"
                        + "{\"role\": \"assistant\", \"content\": \"no\", " + mark + "}]}"))
                .hasMessageContaining("expected an answer to learn, found that the weight of each is 0");
    }

    @Test
    void aWeightThatIsAPartIsRefused() {
        assertThatThrownBy(() -> read("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"},"
                        + "{\"role\": \"assistant\", \"content\": \"a\", \"weight\": 0.5}]}"))
                .hasMessageContaining(
                        "example 0, messages[1].weight: expected 0 (not learned) or 1 (learned), found 0.5");
        assertThatThrownBy(() -> new Message("assistant", "a", Map.of("weight", 0.3)).learned())
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void whatTheAssistantSaysInAPromptIsContext() throws IOException {
        List<Message> messages = read("{\"prompt\": [{\"role\": \"user\", \"content\": \"q\"},"
                        + "{\"role\": \"assistant\", \"content\": \"a\"}, {\"role\": \"user\", \"content\": \"r\"}],"
                        + "\"completion\": \"b\"}")
                .get(0)
                .messages();
        assertThat(messages).extracting(Message::learned).containsExactly(true, false, true, true);
    }

    @Test
    void blankSystemMessagesAndToolResultsAreLegal() throws IOException {
        assertThat(
                        read(
                                "{\"messages\": [{\"role\": \"system\", \"content\": \"\"}, {\"role\": \"user\", \"content\": \"q\"},"
                                        + "{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": \"f\"}}]},"
                                        + "{\"role\": \"tool\", \"content\": \" \"}, {\"role\": \"assistant\", \"content\": \"a\"}]}"))
                .hasSize(1);
    }

    @Test
    void aFileInAnotherEncodingIsReadByItsName() throws IOException {
        Path file = Files.write(
                folder.resolve("gbk.jsonl"),
                "{\"query\": \"你好\", \"response\": \"再见\"}".getBytes(java.nio.charset.Charset.forName("GBK")));
        assertThatThrownBy(() -> ChatExample.read(file)).hasMessageContaining("charset(\"GB18030\")");
        assertThat(ChatExample.from(Corpus.open(file).charset("GBK")))
                .containsExactly(ChatExample.of(Message.user("你好"), Message.assistant("再见")));
    }

    private static final Map<String, Object> CALL = call("f", Map.of("x", 1));

    private static Map<String, Object> call(String name, Map<String, Object> arguments) {
        return Map.of("type", "function", "function", Map.of("name", name, "arguments", arguments));
    }

    private Message second(String fields) throws IOException {
        return read("{\"conversations\": [{\"from\": \"human\", \"value\": \"q\"}, {" + fields + "}]}")
                .get(0)
                .messages()
                .get(1);
    }

    @Test
    void callsInEveryFormThatFilesHave() throws IOException {
        String call = "{\\\"name\\\": \\\"f\\\", \\\"arguments\\\": {\\\"x\\\": 1}}";
        Message one = new Message("assistant", "", Map.of("tool_calls", List.of(CALL)));
        assertThat(second("\"from\": \"function_call\", \"value\": \"" + call + "\""))
                .isEqualTo(one);
        assertThat(second("\"from\": \"function_call\", \"value\": \"[" + call + ", " + call + "]\""))
                .isEqualTo(new Message("assistant", "", Map.of("tool_calls", List.of(CALL, CALL))));
        Message thought = second("\"from\": \"function_call\", \"value\": \"<think>{why}</think>\\n" + call + "\"");
        assertThat(thought.thought()).contains("{why}");
        assertThat(thought.answer()).isEmpty();
        assertThat(thought.more().get("tool_calls")).isEqualTo(List.of(CALL));
        Message said = second("\"from\": \"function_call\", \"value\": \"Let me {see}.\\n" + call + "\"");
        assertThat(said.content()).isEqualTo("Let me {see}.");
        assertThat(said.more().get("tool_calls")).isEqualTo(List.of(CALL));
        assertThat(second("\"role\": \"assistant\", \"content\": null, \"function_call\": {\"name\": \"f\","
                        + " \"arguments\": \"{\\\"x\\\": 1}\"}"))
                .isEqualTo(one);
        Message bare = new Message("assistant", "", Map.of("tool_calls", List.of(call("f", Map.of()))));
        for (String arguments : new String[] {"\"\"", "null", "\"{}\"", "{}"}) {
            assertThat(second("\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"type\": \"function\","
                            + "\"function\": {\"name\": \"f\", \"arguments\": " + arguments + "}}]"))
                    .isEqualTo(bare);
        }
        assertThat(second("\"role\": \"assistant\", \"content\": \"a\", \"tool_calls\": []"))
                .isEqualTo(Message.assistant("a"));
    }

    /** OpenAI's form of before tool_calls: the call is a field, its result has the role "function". */
    @Test
    void theLegacyCallOfAFunctionAndItsResult() throws IOException {
        List<Message> messages = read("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"},"
                        + "{\"role\": \"assistant\", \"content\": null, \"function_call\": {\"name\": \"f\", \"arguments\": \"\"}},"
                        + "{\"role\": \"function\", \"name\": \"f\", \"content\": \"result\"},"
                        + "{\"role\": \"assistant\", \"content\": \"a\"}]}")
                .get(0)
                .messages();
        assertThat(messages).extracting(Message::role).containsExactly("user", "assistant", "tool", "assistant");
        assertThat(messages.get(1).more()).isEqualTo(Map.of("tool_calls", List.of(call("f", Map.of()))));
        assertThat(messages.get(2).content()).isEqualTo("result");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"query\": \"q\", \"response\": \"a\"}",
                "{\"question\": \"q\", \"answer\": \"a\"}",
                "{\"kind\": \"NLI\", \"input\": \"q\", \"target\": \"a\"}",
                "{\"instruction\": \"q\", \"context\": \"\", \"response\": \"a\", \"category\": \"open_qa\"}",
                "{\"problem\": \"q\", \"solution\": \"a\"}",
                "{\"prompt\": \"q\", \"completion\": \"a\", \"label\": true}",
                "{\"conversation\": [{\"human\": \"q\", \"assistant\": \"a\"}]}",
                "{\"messages\": \"[{\\\"role\\\": \\\"user\\\", \\\"content\\\": \\\"q\\\"}, {\\\"role\\\": \\\"assistant\\\", \\\"content\\\": \\\"a\\\"}]\"}"
            })
    void theUsualNamesOfColumnsAreFound(String row) throws IOException {
        assertThat(read(row)).containsExactly(ChatExample.of(Message.user("q"), Message.assistant("a")));
    }

    @Test
    void dollysContextComesAfterItsInstructionAndOrcasSystemPromptBefore() throws IOException {
        assertThat(read("{\"instruction\": \"q\", \"context\": \"c\", \"response\": \"a\"}"))
                .containsExactly(ChatExample.of(Message.user("q\nc"), Message.assistant("a")));
        assertThat(read("{\"system_prompt\": \"s\", \"question\": \"q\", \"response\": \"a\"}"))
                .containsExactly(ChatExample.of(Message.system("s"), Message.user("q"), Message.assistant("a")));
    }

    @Test
    void otherNamesAreGivenOrMadeByAFunction() throws IOException {
        Path file = Files.writeString(
                folder.resolve("own.jsonl"), "{\"frage\": \"q\", \"antwort\": \"a\", \"answer\": \"not this\"}\n");
        ChatExample expected = ChatExample.of(Message.user("q"), Message.assistant("a"));
        assertThatThrownBy(() -> ChatExample.read(file))
                .hasMessageContaining("fields [frage, antwort, answer]: expected messages (OpenAI)")
                .hasMessageContaining(".columns(Map.of(\"prompt\", \"its question\", \"completion\", \"its answer\"))");
        Corpus corpus = Corpus.open(file);
        assertThat(ChatExample.from(corpus.columns(Map.of("prompt", "frage", "completion", "antwort"))))
                .containsExactly(expected);
        assertThat(ChatExample.from(
                        corpus.columns(row -> Map.of("prompt", row.get("frage"), "completion", row.get("antwort")))))
                .containsExactly(expected);
        assertThatThrownBy(() -> ChatExample.from(corpus.columns(Map.of("prompt", "Frage"))))
                .hasMessageContaining(
                        "line 1, byte 0: example 0, columns: expected a field \"Frage\" for prompt, found [frage, antwort, answer]");
        assertThat(corpus.columns(Map.of("content", "antwort"))
                        .iterator()
                        .next()
                        .content())
                .isEqualTo("a");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "{\"prompt\": \"q\", \"completion\": \"bad\", \"label\": false} | label: expected a good answer, found false",
                "{\"prompt\": \"q\", \"chosen\": \"a\", \"rejected\": \"bad\"} | preference data. To learn the chosen answers: Corpus.open(file).columns(Map.of(\"prompt\", \"prompt\", \"completion\", \"chosen\"))",
                "{\"chosen\": [], \"rejected\": []} | columns(Map.of(\"messages\", \"chosen\"))",
                "{\"problem\": \"q\", \"solution\": \"s\", \"answer\": \"a\"} | expected one question and one answer, found [answer, solution]",
            })
    void whatMayBeNoGoodAnswerIsNotTakenForOne(String row, String message) {
        assertThatThrownBy(() -> read(row)).hasMessageContaining(message);
    }

    @Test
    void theChosenAnswersOfPreferencesCanBeLearned() throws IOException {
        Path file = Files.writeString(
                folder.resolve("dpo.jsonl"), "{\"prompt\": \"q\", \"chosen\": \"a\", \"rejected\": \"bad\"}");
        assertThat(ChatExample.from(Corpus.open(file).columns(Map.of("prompt", "prompt", "completion", "chosen"))))
                .containsExactly(ChatExample.of(Message.user("q"), Message.assistant("a")));
    }

    @Test
    void aCorpusIsConversationsAfterItsSteps() throws IOException {
        Path file = Files.writeString(
                folder.resolve("chat.jsonl"),
                "{\"query\": \"1\", \"response\": \"a\"}\n"
                        + "{\"query\": \"2\", \"response\": \"b\"}\n{\"query\": \"3\", \"response\": \"c\"}\n");
        Corpus corpus =
                Corpus.open(file).filter(d -> !d.content().equals("2\nb")).take(2);
        assertThat(ChatExample.from(corpus))
                .containsExactly(
                        ChatExample.of(Message.user("1"), Message.assistant("a")),
                        ChatExample.of(Message.user("3"), Message.assistant("c")));
        assertThatThrownBy(() -> Corpus.open(file).count()).hasMessageContaining("ChatExample.read");
    }
}
