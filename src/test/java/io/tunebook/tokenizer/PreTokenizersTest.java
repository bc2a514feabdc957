package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A kind is named only where its whole rule is the tokenizer's. */
final class PreTokenizersTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static ObjectNode tokenizer(List<String> patterns, boolean nfc, boolean wholeWords) {
        ObjectNode root = JSON.createObjectNode();
        if (nfc) {
            root.putObject("normalizer").put("type", "NFC");
        }
        ArrayNode steps =
                root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        for (String pattern : patterns) {
            ObjectNode split = steps.addObject()
                    .put("type", "Split")
                    .put("behavior", "Isolated")
                    .put("invert", false);
            split.putObject("pattern").put("Regex", pattern);
        }
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("use_regex", false);
        root.putObject("model").put("type", "BPE").put("ignore_merges", wholeWords);
        return root;
    }

    @Test
    void everyKindIsFoundByItsRule() {
        for (String name : PreTokenizers.names()) {
            PreTokenizers.Pre pre = PreTokenizers.kind(name).orElseThrow();
            String found = PreTokenizers.kindOf(tokenizer(pre.patterns(), pre.nfc(), pre.wholeWords()))
                    .orElseThrow();
            PreTokenizers.Pre same = PreTokenizers.kind(found).orElseThrow();
            assertThat(same.patterns()).as(name).isEqualTo(pre.patterns());
            assertThat(same.wholeWords()).as(name).isEqualTo(pre.wholeWords());
            assertThat(same.nfc()).as(name).isEqualTo(pre.nfc());
        }
        assertThat(PreTokenizers.names())
                .contains("deepseek-llm", "midm-2.0", "pixtral", "seed-coder", "qwen35", "glm5", "hunyuan", "kanana2");
        // As in llama.cpp's table.
        assertThat(PreTokenizers.kind("pixtral")).isEqualTo(PreTokenizers.kind("llama-bpe"));
        assertThat(PreTokenizers.kind("midm-2.0")).isEqualTo(PreTokenizers.kind("llama-bpe"));
    }

    /** What was once told by a part of the pattern's text. */
    @Test
    void aRuleThatIsOnlyLikeAKindsIsNone() {
        List<String> tekken = PreTokenizers.kind("tekken").orElseThrow().patterns();
        List<String> gpt4o = PreTokenizers.kind("gpt-4o").orElseThrow().patterns();
        List<String> coder = PreTokenizers.kind("deepseek-coder").orElseThrow().patterns();
        assertThat(PreTokenizers.kindOf(tokenizer(gpt4o, false, false))).contains("gpt-4o");
        assertThat(PreTokenizers.kindOf(tokenizer(tekken, false, true))).contains("tekken");
        assertThat(PreTokenizers.kindOf(tokenizer(coder, false, false))).contains("deepseek-coder");
        assertThat(PreTokenizers.kindOf(tokenizer(List.of(tekken.get(0) + "|x"), false, true)))
                .isEmpty();
        assertThat(PreTokenizers.kindOf(tokenizer(List.of("[\\r\\n]", "\\p{N}", PreTokenizers.GPT2), false, false)))
                .isEmpty();
        assertThat(PreTokenizers.kindOf(tokenizer(tekken, true, true))).isEmpty();
        ObjectNode lower = tokenizer(gpt4o, false, false);
        lower.putObject("normalizer").put("type", "Lowercase");
        assertThat(PreTokenizers.kindOf(lower)).isEmpty();
        ObjectNode digits = JSON.createObjectNode();
        ArrayNode steps =
                digits.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        steps.addObject().put("type", "Digits").put("individual_digits", true);
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("use_regex", true);
        assertThat(PreTokenizers.kindOf(digits)).contains("smollm");
        ((ObjectNode) steps.get(1)).put("add_prefix_space", true);
        assertThat(PreTokenizers.kindOf(digits)).isEmpty();
    }
}
