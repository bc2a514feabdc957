package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The requests of Jupyter's messaging protocol 5.4 and what they must cause. */
@WithKernel
class KernelTest {
    private static TestKernel kernel;

    private static ObjectNode code(String code) {
        return Message.object().put("code", code);
    }

    private static ObjectNode at(String code) {
        return code(code).put("cursor_pos", code.codePointCount(0, code.length()));
    }

    private static List<String> texts(JsonNode array) {
        List<String> all = new ArrayList<>();
        array.forEach(n -> all.add(n.asText()));
        return all;
    }

    private static List<String> complete(String code) {
        return texts(kernel.shell("complete_request", at(code)).reply().path("matches"));
    }

    @Test
    void busyAndIdleStandAroundEachRequest() {
        for (String type : List.of("kernel_info_request", "execute_request", "history_request", "nonsense_request")) {
            Message request = TestKernel.request(type, code("1"));
            kernel.shell(request);
            assertThat(kernel.states(request)).as(type).containsExactly("busy", "idle");
        }
    }

    @Test
    void theInputIsPublishedBeforeTheOutput() {
        TestKernel.Answer answer = kernel.run("System.out.println(1); 2");
        assertThat(answer.published().stream().map(Message::type))
                .containsExactly("execute_input", "stream", "execute_result");
        int count = answer.reply().path("execution_count").asInt();
        assertThat(answer.of("execute_input")
                        .get(0)
                        .content()
                        .path("execution_count")
                        .asInt())
                .isEqualTo(count);
        assertThat(kernel.run("3").reply().path("execution_count").asInt()).isEqualTo(count + 1);
    }

    @Test
    void silentLeavesNoTrace() {
        int count = kernel.run("0").reply().path("execution_count").asInt();
        TestKernel.Answer answer = kernel.shell(
                "execute_request", code("System.out.println(1); display(2); 3").put("silent", true));
        assertThat(answer.published()).isEmpty();
        assertThat(answer.status()).isEqualTo("ok");
        assertThat(kernel.run("0").reply().path("execution_count").asInt()).isEqualTo(count + 1);
    }

    @Test
    void withoutStoreHistoryNothingIsCountedOrKept() {
        int count = kernel.run("0").reply().path("execution_count").asInt();
        kernel.shell("execute_request", code("\"not kept\"").put("store_history", false));
        assertThat(kernel.run("0").reply().path("execution_count").asInt()).isEqualTo(count + 1);
        JsonNode rows = kernel.shell(
                        "history_request",
                        Message.object().put("hist_access_type", "tail").put("n", 100))
                .reply()
                .path("history");
        assertThat(rows.toString()).doesNotContain("not kept");
    }

    @Test
    void userExpressionsAreEvaluatedOneByOne() {
        ObjectNode request = code("int ue = 20;");
        request.putObject("user_expressions")
                .put("good", "ue + 1")
                .put("bad", "ue / 0")
                .put("worse", "nothing");
        JsonNode found = kernel.shell("execute_request", request).reply().path("user_expressions");
        assertThat(found.path("good").path("data").path("text/plain").asText()).isEqualTo("21");
        assertThat(found.path("bad").path("ename").asText()).isEqualTo("java.lang.ArithmeticException");
        assertThat(found.path("worse").path("status").asText()).isEqualTo("error");
    }

    @Test
    void queuedCellsAreAbortedBehindAnError() {
        Message behind = TestKernel.execute("System.out.println(\"must not run\");");
        Message info = TestKernel.request("kernel_info_request", Message.object());
        kernel.enqueue(behind, info);
        kernel.run("throw new RuntimeException(\"stop\");");
        assertThat(kernel.await(behind).status()).isEqualTo("aborted");
        assertThat(kernel.answer(behind).published()).isEmpty();
        assertThat(kernel.states(behind)).containsExactly("busy", "idle");
        assertThat(kernel.await(info).status()).isEqualTo("ok");
    }

    @Test
    void queuedCellsRunWhereStopOnErrorIsFalse() {
        Message behind = TestKernel.execute("1");
        kernel.enqueue(behind);
        kernel.shell("execute_request", code("throw new RuntimeException();").put("stop_on_error", false));
        assertThat(kernel.await(behind).status()).isEqualTo("ok");
        assertThat(kernel.answer(behind).result()).isEqualTo("1");
    }

    @Test
    void historyIsKeptInAFile() throws IOException {
        kernel.run("\"remember \" + \"me\"");
        assertThat(Files.readString(kernel.history())).contains("remember me");
        JsonNode rows = kernel.shell(
                        "history_request",
                        Message.object()
                                .put("hist_access_type", "search")
                                .put("pattern", "*remember*")
                                .put("output", true)
                                .put("n", 5))
                .reply()
                .path("history");
        assertThat(rows.path(0).path(2).path(0).asText()).isEqualTo("\"remember \" + \"me\"");
        assertThat(rows.path(0).path(2).path(1).asText()).isEqualTo("remember me");
        JsonNode range = kernel.shell(
                        "history_request",
                        Message.object()
                                .put("hist_access_type", "range")
                                .put("session", 0)
                                .put("start", 1)
                                .put("stop", 3))
                .reply()
                .path("history");
        assertThat(range.size()).isLessThanOrEqualTo(2);
    }

    @Test
    void commsReachTheirTargets() {
        kernel.run("import io.tunebook.kernel.display.Comms;\nvar heard = new ArrayList<Object>();\n"
                + "Comms.register(\"echo\", comm -> comm.onMessage(data -> { heard.add(data); comm.send(data);"
                + " System.out.println(\"heard\"); }));");
        kernel.shell("comm_open", Message.object().put("comm_id", "c1").put("target_name", "echo"));
        ObjectNode message = Message.object().put("comm_id", "c1");
        message.putObject("data").put("value", 7);
        TestKernel.Answer answer = kernel.shell("comm_msg", message);
        assertThat(answer.of("comm_msg")
                        .get(0)
                        .content()
                        .path("data")
                        .path("value")
                        .asInt())
                .isEqualTo(7);
        assertThat(answer.stdout()).startsWith("heard");
        assertThat(kernel.run("heard").result()).isEqualTo("[{value=7}]");
        assertThat(kernel.shell("comm_info_request", Message.object())
                        .reply()
                        .path("comms")
                        .has("c1"))
                .isTrue();
        kernel.shell("comm_close", Message.object().put("comm_id", "c1"));
        assertThat(kernel.shell("comm_info_request", Message.object())
                        .reply()
                        .path("comms")
                        .has("c1"))
                .isFalse();
        assertThat(kernel.shell(
                                "comm_open",
                                Message.object().put("comm_id", "c2").put("target_name", "nobody"))
                        .of("comm_close"))
                .hasSize(1);
    }

    @Test
    void debugRequestsAreAnswered() {
        assertThat(kernel.control("debug_request").reply().path("success").asBoolean(true))
                .isFalse();
    }

    @Test
    void aQuestionMarkOpensThePager() {
        JsonNode payload = kernel.run("String?").reply().path("payload").path(0);
        assertThat(payload.path("source").asText()).isEqualTo("page");
        assertThat(payload.path("data").path("text/plain").asText()).contains("String");
    }

    @Test
    void malformedRequestsAreAnsweredOrDropped() {
        for (String type : List.of(
                "execute_request",
                "complete_request",
                "inspect_request",
                "is_complete_request",
                "history_request",
                "comm_info_request",
                "comm_open",
                "comm_msg",
                "comm_close",
                "interrupt_request",
                "debug_request")) {
            for (String json : List.of(
                    "{}",
                    "{\"code\":null,\"cursor_pos\":-5}",
                    "{\"code\":[1],\"cursor_pos\":\"x\"}",
                    "{\"code\":\"\\ud800\",\"cursor_pos\":99999}",
                    "{\"user_expressions\":7,\"code\":\"\"}",
                    "{\"hist_access_type\":\"range\",\"session\":{}}",
                    "{\"hist_access_type\":\"search\",\"pattern\":\"[(\",\"n\":-1}",
                    "{\"comm_id\":3,\"data\":\"x\",\"target_name\":{}}")) {
                ObjectNode content;
                try {
                    content = (ObjectNode) new com.fasterxml.jackson.databind.ObjectMapper().readTree(json);
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
                Message request = TestKernel.request(type, content);
                kernel.shell(request);
                assertThat(kernel.states(request)).as(type + json).containsExactly("busy", "idle");
            }
        }
        assertThat(kernel.run("1 + 1").result()).isEqualTo("2");
    }

    // ---- help

    @Test
    void membersOfWhatTheSameCellDeclares() {
        assertThat(complete("var q = new ArrayDeque<String>();\nq.addF")).contains("addFirst(");
        assertThat(complete("import java.util.zip.CRC32;\nvar c = new CRC32();\nc.upd"))
                .contains("update(");
        kernel.run("var text = \"abc\";");
        assertThat(complete("text.substr")).containsExactly("substring(");
        assertThat(complete("System.out.printl")).containsExactly("println(");
    }

    @Test
    void ownMembersStandBeforeThoseOfObject() {
        kernel.run("var list = new ArrayList<Integer>();");
        List<String> all = complete("list.");
        assertThat(all.indexOf("add(")).isLessThan(all.indexOf("hashCode()"));
    }

    @Test
    void argumentsOfTheRightTypeStandFirst() {
        kernel.run("int number = 1;\nString word = \"w\";");
        List<String> all = complete("word.charAt(");
        assertThat(all.indexOf("number")).isLessThan(all.indexOf("word"));
    }

    @Test
    void typesThatNobodyImportedBringTheirImport() {
        assertThat(complete("new ConcurrentSkipListM")).isNotEmpty();
        assertThat(complete("Inflat")).contains("import java.util.zip.Inflater;\nInflater");
        String code = "int level = 5;\n%who\nvar small = new Deflat";
        JsonNode reply = kernel.shell("complete_request", at(code)).reply();
        assertThat(reply.path("cursor_start").asInt()).isZero();
        assertThat(reply.path("cursor_end").asInt()).isEqualTo(code.length());
        String accepted = "import java.util.zip.Deflater;\nint level = 5;\n%who\nvar small = new Deflater";
        assertThat(texts(reply.path("matches"))).contains(accepted);
        assertThat(kernel.run(accepted + "(level);\nsmall.getClass().getName()").result())
                .isEqualTo("java.util.zip.Deflater");
        // Beside what is imported they stand by their full name.
        assertThat(complete("Time")).contains("TimeUnit", "java.sql.Time");
    }

    @Test
    void halfWrittenCodeIsCompleted() {
        assertThat(complete("class Half {\n    String name;\n    int f() {\n        return name.leng"))
                .contains("length()");
        assertThat(complete("for (var e : System.getenv().entrySet()) {\n    if (e.getK"))
                .contains("getKey()");
        assertThat(complete("List.of(1, 2).stream().map(x -> x.intV")).contains("intValue()");
        assertThat(complete("try {\n    \"a\".isB")).contains("isBlank()");
        assertThat(complete("String q = \"\";\nwhile (q.length() > 0 && !q.isBl"))
                .contains("isBlank()");
        assertThat(complete("if (true) { if (\"a\".isBl")).contains("isBlank()");
    }

    @Test
    void theJdksJavadocComesFromItsSources() {
        assumeTrue(
                Files.exists(java.nio.file.Path.of(System.getProperty("java.home"), "lib", "src.zip")),
                "skipped: this JDK has no lib/src.zip");
        String help = kernel.shell("inspect_request", at("Math.max("))
                .reply()
                .path("data")
                .path("text/markdown")
                .asText();
        assertThat(help).contains("```java", "int Math.max(int a, int b)", "Returns the greater of two");
    }

    @Test
    void magicsPackagesAndFiles() throws IOException {
        assertThat(complete("%ma")).contains("%maven");
        assertThat(complete("import java.util.conc")).contains("concurrent.");
        var folder = Files.createTempDirectory("files");
        Files.createFile(folder.resolve("model.gguf"));
        assertThat(complete("Path.of(\"" + folder.toString().replace('\\', '/') + "/mod"))
                .containsExactly("model.gguf");
    }

    @Test
    void positionsCountUnicodeCharacters() {
        String code = "var s = \"😀😀\"; s.leng";
        JsonNode reply = kernel.shell("complete_request", at(code)).reply();
        assertThat(texts(reply.path("matches"))).containsExactly("length()");
        assertThat(reply.path("cursor_start").asInt()).isEqualTo(code.codePointCount(0, code.length()) - 4);
        assertThat(reply.path("metadata")
                        .path("_jupyter_types_experimental")
                        .path(0)
                        .path("type")
                        .asText())
                .isEqualTo("function");
    }

    @Test
    void inspectionShowsSignatures() {
        for (String code : List.of("Math.max", "Math.max(", "Math.max(1, 2)")) {
            JsonNode reply = kernel.shell("inspect_request", code(code).put("cursor_pos", 8))
                    .reply();
            assertThat(reply.path("found").asBoolean()).as(code).isTrue();
            assertThat(reply.path("data").path("text/plain").asText()).contains("int Math.max(int a, int b)");
            assertThat(reply.path("data").has("text/html")).isTrue();
            assertThat(reply.path("data").has("text/markdown")).isTrue();
        }
        assertThat(kernel.shell("inspect_request", at("noSuchThing"))
                        .reply()
                        .path("found")
                        .asBoolean(true))
                .isFalse();
    }

    @Test
    void isCompleteKnowsTheIndentation() {
        assertThat(isComplete("int x = 1;")).isEqualTo("complete/");
        assertThat(isComplete("1 + 1")).isEqualTo("complete/");
        assertThat(isComplete("for (int i = 0; i < 3; i++) {")).isEqualTo("incomplete/    ");
        assertThat(isComplete("class A {\n    int f() {")).isEqualTo("incomplete/        ");
        assertThat(isComplete("var s = \"\"\"\n  text")).isEqualTo("incomplete/  ");
        assertThat(isComplete("/* comment")).startsWith("incomplete");
        assertThat(isComplete("int = 5;")).isEqualTo("invalid/");
        assertThat(isComplete("%time 1 + 1")).isEqualTo("complete/");
        assertThat(isComplete("%%bash\nls")).isEqualTo("incomplete/");
    }

    private static String isComplete(String code) {
        JsonNode reply = kernel.shell("is_complete_request", code(code)).reply();
        return reply.path("status").asText() + "/" + reply.path("indent").asText("");
    }
}
