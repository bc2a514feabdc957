package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.data.Message;
import io.tunebook.model.Weights;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a GGUF file gives beside its weights. */
final class GgufTokenizerTest {
    private static final List<Message> QUESTION = List.of(Message.user("q"));

    @TempDir
    Path folder;

    /** A tiny Llama whose vocabulary is ASCII's printable characters and an end. */
    private static GgufWriter model() {
        List<String> tokens = new ArrayList<>(
                IntStream.rangeClosed('!', '~').mapToObj(Character::toString).toList());
        tokens.add("<|im_end|>");
        int[] types = new int[tokens.size()];
        java.util.Arrays.fill(types, 1);
        types[types.length - 1] = 3;
        GgufWriter writer = new GgufWriter()
                .string("general.architecture", "llama")
                .uint32("llama.block_count", 1)
                .uint32("llama.context_length", 64)
                .uint32("llama.embedding_length", 32)
                .uint32("llama.feed_forward_length", 32)
                .uint32("llama.attention.head_count", 1)
                .float32("llama.attention.layer_norm_rms_epsilon", 1e-6f)
                .string("tokenizer.ggml.model", "gpt2")
                .string("tokenizer.ggml.pre", "gpt-2")
                .strings("tokenizer.ggml.tokens", tokens)
                .int32s("tokenizer.ggml.token_type", types)
                .strings("tokenizer.ggml.merges", List.of())
                .uint32("tokenizer.ggml.eos_token_id", tokens.size() - 1);
        zeros(writer, "token_embd.weight", tokens.size(), 32);
        zeros(writer, "output_norm.weight", 32);
        for (String norm : List.of("attn_norm", "ffn_norm")) {
            zeros(writer, "blk.0." + norm + ".weight", 32);
        }
        for (String matrix : List.of("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")) {
            zeros(writer, "blk.0." + matrix + ".weight", 32, 32);
        }
        return writer;
    }

    private static void zeros(GgufWriter writer, String name, long... shape) {
        int bytes = 4 * (int) java.util.Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        writer.tensor(name, GgufType.F32, shape, out -> out.write(ByteBuffer.allocate(bytes)));
    }

    private static final String PLAIN = "plain{% for m in messages %}{{ m.content }}{% endfor %}";
    private static final String TOOLS = "tools{% for m in messages %}{{ m.content }}{% endfor %}";

    @Test
    void theTemplateForToolsIsUsedWhereThereAreTools() throws IOException {
        Path file = folder.resolve("m.gguf");
        model().string("tokenizer.chat_template", PLAIN)
                .strings("tokenizer.chat_templates", List.of("tool_use"))
                .string("tokenizer.chat_template.tool_use", TOOLS)
                .write(file, done -> {});
        Map<String, Object> tool = Map.of("type", "function", "function", Map.of("name", "f"));
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            assertThat(tokenizer.chatTemplate().render(QUESTION, false)).isEqualTo("plainq");
            assertThat(tokenizer.chatTemplate().render(QUESTION, false, List.of(tool)))
                    .isEqualTo("toolsq");
        }
    }

    /** The whole kind: metadata, tokenizer and template of a file whose weights are of a type that is not read. */
    @ParameterizedTest
    @CsvSource({"16, IQ2_XXS", "29, IQ1_M", "40, NVFP4", "34, TQ1_0", "99, number 99"})
    void weightsOfATypeThatIsNotReadLeaveTheRest(int id, String name) throws IOException {
        Path file = folder.resolve("m.gguf");
        model().string("tokenizer.chat_template", PLAIN).write(file, done -> {});
        byte[] bytes = Files.readAllBytes(file);
        byte[] tensor = "blk.0.attn_q.weight".getBytes(StandardCharsets.US_ASCII);
        int at = 0;
        while (!java.util.Arrays.equals(bytes, at, at + tensor.length, tensor, 0, tensor.length)) {
            at++;
        }
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at + tensor.length + 4 + 2 * 8, id);
        Files.write(file, bytes);
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            assertThat(tokenizer.ids("!b", false)).containsExactly(0, 'b' - '!');
            assertThat(tokenizer.chatTemplate().render(QUESTION, false)).isEqualTo("plainq");
        }
        assertThatThrownBy(() -> Weights.open(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("blk.0.attn_q.weight")
                .hasMessageContaining(name);
    }

    /** Merges are found by cutting each token everywhere, which takes time by the square of its length. */
    @Test
    void aTokenWithoutEndIsRefused() throws IOException {
        Path file = folder.resolve("m.gguf");
        List<String> tokens = List.of("<unk>", "a", "b", "a".repeat(1_000_000));
        model().string("tokenizer.ggml.model", "llama")
                .strings("tokenizer.ggml.tokens", tokens)
                .float32s("tokenizer.ggml.scores", new float[tokens.size()])
                .int32s("tokenizer.ggml.token_type", new int[] {2, 1, 1, 1})
                .uint32("tokenizer.ggml.eos_token_id", 0)
                .write(file, done -> {});
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("m.gguf")
                .hasMessageContaining("tokens of at most 4096 characters, found one of 1000000 at 3");
    }

    @ParameterizedTest
    @CsvSource({"eos, 95", "unknown, 1000000", "bos, 4294967291", "padding, 2147483648"})
    void idsOutsideTheVocabularyAreRefusedByTheirNames(String role, long id) throws IOException {
        Path file = folder.resolve("m.gguf");
        String key = "tokenizer.ggml." + role + "_token_id";
        model().uint32(key, id).write(file, done -> {});
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("m.gguf")
                .hasMessageContaining(key + ": expected an id below 95, found " + id);
    }

    /** The same with a sign, as a file may have it that was not written here. */
    @Test
    void aNegativeIdIsRefusedByItsName() throws IOException {
        Path file = folder.resolve("m.gguf");
        byte[] key = "tokenizer.ggml.eos_token_id".getBytes(StandardCharsets.US_ASCII);
        model().write(file, done -> {});
        byte[] bytes = Files.readAllBytes(file);
        int at = 0;
        while (!java.util.Arrays.equals(bytes, at, at + key.length, key, 0, key.length)) {
            at++;
        }
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(at + key.length, 5) // a number with a sign
                .putInt(at + key.length + 4, -5);
        Files.write(file, bytes);
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("tokenizer.ggml.eos_token_id: expected an id below 95, found -5");
    }
}
