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
}
