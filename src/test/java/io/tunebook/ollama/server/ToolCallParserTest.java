package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.TemplateTags;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes text and what a call; each answer is read whole and one character at a time. */
class ToolCallParserTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "<tool_call> | <tool_call>{\"name\":\"get\",\"arguments\":{\"a\":1}}</tool_call> | get{\"a\":1} | ``",
                "<tool_call> | Well. <tool_call>{\"name\":\"get_all\",\"arguments\":{\"b\":\"}\"}}</tool_call> | get_all{\"b\":\"}\"} | `Well. `",
                "<tool_call> | <tool_call>{\"name\":\"get\",\"parameters\":{}}</tool_call><tool_call>{\"name\":\"get\",\"arguments\":\"{\\\"c\\\":2}\"}</tool_call> | get{} get{\"c\":2} | ``",
                "<tool_call> | Nothing <tool is called | `` | Nothing <tool is called",
                "[TOOL_CALLS] | [TOOL_CALLS][{\"name\":\"get\",\"arguments\":{\"a\":[1,2]}}] | get{\"a\":[1,2]} | ``",
                "{ | {\"name\":\"get\",\"arguments\":{\"a\":1}} | get{\"a\":1} | ``",
                "{ | Sure: {\"name\":\"get\",\"arguments\":{\"a\":1}} | `` | Sure: {\"name\":\"get\",\"arguments\":{\"a\":1}}",
                "{ | {\"name\":\"other\",\"arguments\":{\"a\":1}} | `` | {\"name\":\"other\",\"arguments\":{\"a\":1}}",
                "{ | {\"unfinished | `` | {\"unfinished",
            })
    void tellsCallsFromText(String tag, String answer, String calls, String content) throws Exception {
        JsonNode tools = JSON.readTree("[{\"function\":{\"name\":\"get\"}},{\"function\":{\"name\":\"get_all\"}}]");
        for (int step : new int[] {answer.length(), 1}) {
            ToolCallParser parser = new ToolCallParser(tag, tools);
            List<String> found = new ArrayList<>();
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < answer.length(); i += step) {
                ToolCallParser.Parsed parsed = parser.add(answer.substring(i, Math.min(answer.length(), i + step)));
                parsed.calls().forEach(call -> {
                    assertThat(call.path("id").asText()).matches("call_[a-z0-9]{8}");
                    assertThat(call.at("/function/index").asInt()).isEqualTo(found.size());
                    found.add(call.at("/function/name").asText() + call.at("/function/arguments"));
                });
                text.append(parsed.content());
            }
            text.append(parser.rest());
            assertThat(String.join(" ", found)).as("in steps of " + step).isEqualTo(calls);
            assertThat(text.toString()).as("in steps of " + step).isEqualTo(content);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{{ .Prompt }} | `` | `` | {",
                "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}{{ end }} | <think> | </think> | {",
                "{{ range .Messages }}{{ if .ToolCalls }}<tool_call>{{ range .ToolCalls }}{\"name\": \"{{ .Function.Name }}\"}{{ end }}</tool_call>{{ end }}{{ end }} | `` | `` | <tool_call>",
                "{{ range .Messages }}{{ if .Content }}{{ .Content }}{{ else if .ToolCalls }}[TOOL_CALLS] [{{ range .ToolCalls }}{\"name\": 1}{{ end }}]{{ end }}{{ end }} | `` | `` | [TOOL_CALLS] [",
                "{{ range .Messages }}{{ if .ToolCalls }}{{ range .ToolCalls }}{\"name\": \"x\"}{{ end }}{{ end }}{{ end }} | `` | `` | {",
                "{{ if .Thinking }}<t>{{ .Thinking }}</t>{{ end }} | `` | `` | {",
            })
    void readsTheMarksOffATemplate(String template, String opening, String closing, String tool) {
        assertThat(TemplateTags.of(GoTemplate.parse(template))).isEqualTo(new TemplateTags(opening, closing, tool));
    }
}
