package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How byte-level BPE cuts text before it merges: the rules of a {@code tokenizer.json}, and the {@code pre} kinds by
 * which GGUF names them.
 *
 * @see <a href="https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp">llama.cpp: the pre kinds</a>
 */
public final class PreTokenizers {
    private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

    /** GPT-2's own pattern, which is also what the tokenizers library's {@code ByteLevel} splits with. */
    static final String GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String NO_WORD = "[^\\r\\n\\p{L}\\p{N}]?";
    private static final String SPACES = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /** Letters of alphabets with capitals, as DeepSeek LLM's tokenizer lists them. */
    private static final String ALPHABETS =
            "\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-"
                    + "\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-"
                    + "\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-"
                    + "\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-"
                    + "\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4"
                    + "\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a"
                    + "-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-"
                    + "\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-"
                    + "\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-"
                    + "\uff3a\uff41-\uff5a\ud801\udc00-\ud801\udc4f\ud801\udcb0-\ud801\udcd3\ud801\udcd8-\ud801\udcfb"
                    + "\ud803\udc80-\ud803\udcb2\ud803\udcc0-\ud803\udcf2\ud806\udca0-\ud806\udcdf\ud83a\udd00-"
                    + "\ud83a\udd43";

    /**
     * How a {@code pre} kind splits text before merging.
     *
     * @param patterns applied one after the other, each to the pieces the one before left
     * @param wholeWords whether a piece that is a token is taken as it is, without merging
     * @param nfc whether text is normalised to NFC first
     * @param bos whether the beginning-of-sequence token is added where the file does not say
     */
    record Pre(List<String> patterns, boolean wholeWords, boolean nfc, boolean bos) {}

    /** By name; of several names of one rule the first is the one to write. */
    private static final Map<String, Pre> KINDS = kinds();

    private PreTokenizers() {}

    /** A kind by its name. */
    static Optional<Pre> kind(String name) {
        return Optional.ofNullable(KINDS.get(name));
    }

    static Set<String> names() {
        return KINDS.keySet();
    }

    /** Whether a pattern is one of those that some {@code pre} kind splits with. */
    static boolean knows(String pattern) {
        return KINDS.values().stream().anyMatch(pre -> pre.patterns.contains(pattern));
    }

    /**
     * The {@code pre} kind whose rule is that of a {@code tokenizer.json}, the whole of it: patterns and their order,
     * normalisation, and whether a piece that is a token is merged. A kind that is like it would cut some text
     * otherwise than the model was trained.
     *
     * @param tokenizer the root of a {@code tokenizer.json}
     * @return empty where no kind has just this rule
     */
    public static Optional<String> kindOf(JsonNode tokenizer) {
        JsonNode normalizer = tokenizer.path("normalizer");
        boolean nfc = normalizer.path("type").asText().equals("NFC");
        Optional<List<String>> patterns = patterns(tokenizer.path("pre_tokenizer"));
        if (patterns.isEmpty() || !nfc && !isNothing(normalizer)) {
            return Optional.empty();
        }
        boolean wholeWords = tokenizer.path("model").path("ignore_merges").asBoolean();
        return KINDS.entrySet().stream()
                .filter(kind -> kind.getValue().patterns.equals(patterns.get())
                        && kind.getValue().wholeWords == wholeWords
                        && kind.getValue().nfc == nfc)
                .map(Map.Entry::getKey)
                .findFirst();
    }

    static boolean isNothing(JsonNode normalizer) {
        return normalizer.isMissingNode()
                || normalizer.isNull()
                || normalizer.path("type").asText().equals("Sequence")
                        && normalizer.path("normalizers").isEmpty();
    }

    /** The patterns of a pre-tokenizer that ends by turning text to bytes; empty if one of its steps is another. */
    static Optional<List<String>> patterns(JsonNode step) {
        List<String> patterns = new ArrayList<>();
        return collect(step, patterns) ? Optional.of(patterns) : Optional.empty();
    }

    private static boolean collect(JsonNode step, List<String> into) {
        switch (step.path("type").asText()) {
            case "Sequence" -> {
                JsonNode steps = step.path("pretokenizers");
                for (int i = 0; i < steps.size(); i++) {
                    boolean last = i == steps.size() - 1;
                    if (last != steps.get(i).path("type").asText().equals("ByteLevel")
                            || !collect(steps.get(i), into)) {
                        return false;
                    }
                }
                return steps.size() > 0;
            }
            case "ByteLevel" -> {
                if (step.path("use_regex").asBoolean(true)) {
                    into.add(GPT2);
                }
                return !step.path("add_prefix_space").asBoolean(true);
            }
            case "Digits" -> {
                into.add("\\p{N}");
                return step.path("individual_digits").asBoolean();
            }
            case "Split" -> {
                String regex = step.path("pattern").path("Regex").asText();
                into.add(regex);
                // To remove what is between the matches is to keep them, where the pattern matches everything.
                boolean matches = step.path("behavior").asText().equals("Removed")
                        && step.path("invert").asBoolean()
                        && regex.endsWith("\\s+");
                return matches
                        || step.path("behavior").asText().equals("Isolated")
                                && !step.path("invert").asBoolean();
            }
            default -> {
                return false;
            }
        }
    }

    private static Map<String, Pre> kinds() {
        Map<String, Pre> kinds = new LinkedHashMap<>();
        String perDigit = "\\p{N}";
        String threeDigits = "\\p{N}{1,3}";
        String symbols = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
        String path = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";
        String chinese = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";

        String llama3 = CONTRACTIONS + "|" + NO_WORD + "\\p{L}+|" + threeDigits + symbols + SPACES;
        put(
                kinds,
                new Pre(List.of(llama3), true, false, true),
                "llama-bpe",
                "llama3",
                "llama-v3",
                "falcon3",
                "falcon-h1",
                "pixtral",
                "midm-2.0",
                "lfm2",
                "jina-v5-nano");
        put(kinds, new Pre(List.of(llama3), true, false, false), "glm4", "glm5");
        put(kinds, plain(llama3), "smaug-bpe", "dbrx", "chatglm-bpe");
        String qwen2 = CONTRACTIONS + "|" + NO_WORD + "\\p{L}+|" + perDigit + symbols + SPACES;
        put(kinds, new Pre(List.of(qwen2), false, true, false), "qwen2", "deepseek-r1-qwen", "megrez");
        put(kinds, plain(qwen2), "stablelm2", "hunyuan", "solar-open", "grok-2", "kormo", "f2llmv2");
        String marks = CONTRACTIONS + "|" + NO_WORD + "[\\p{L}\\p{M}]+|" + perDigit
                + "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" + SPACES;
        put(kinds, new Pre(List.of(marks), false, true, false), "qwen35");
        put(
                kinds,
                plain(CONTRACTIONS + "|" + NO_WORD + "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+" + SPACES),
                "seed-coder");
        put(kinds, plain(NO_WORD + "\\p{L}+|" + perDigit + symbols + SPACES), "ufakzeka");
        put(kinds, plain("[^\\n]+|[\\n]+", qwen2), "laguna");
        put(
                kinds,
                plain("'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" + NO_WORD + "\\p{L}+|" + perDigit + symbols
                        + "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"),
                "bailingmoe",
                "bailingmoe2",
                "llada-moe");
        put(
                kinds,
                new Pre(
                        List.of(threeDigits, CONTRACTIONS + "|" + NO_WORD + "\\p{L}+|\\p{N}+" + symbols + SPACES),
                        true,
                        false,
                        false),
                "minicpm5");
        String words = NO_WORD + UPPER + "*" + LOWER + "+";
        String capitals = NO_WORD + UPPER + "+" + LOWER + "*";
        put(
                kinds,
                new Pre(List.of(words + "|" + capitals + "|" + perDigit + path + SPACES), true, false, true),
                "tekken");
        String optional = CONTRACTIONS + "?";
        String gpt4o = words + optional + "|" + capitals + optional + "|" + threeDigits + path + SPACES;
        put(kinds, new Pre(List.of(gpt4o), true, false, false), "granite-embed-multi-97m");
        put(kinds, plain(gpt4o), "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2");
        put(
                kinds,
                plain(
                        threeDigits,
                        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                                + "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
                "deepseek-v3",
                "hunyuan-dense",
                "joyai-llm",
                "hy_v4");
        put(kinds, plain("[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", chinese, perDigit), "deepseek-coder");
        put(
                kinds,
                plain(
                        "[\r\n]",
                        "\\s?[A-Za-z" + ALPHABETS + "]+",
                        "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                        "\\s+$",
                        chinese,
                        perDigit),
                "deepseek-llm");
        put(
                kinds,
                plain(perDigit, GPT2),
                "smollm",
                "starcoder",
                "refact",
                "command-r",
                "codeshell",
                "exaone",
                "minerva-7b",
                "mellum2");
        put(
                kinds,
                plain(GPT2),
                "gpt-2",
                "phi-2",
                "mpt",
                "olmo",
                "jais",
                "jina-es",
                "jina-de",
                "jina-v2-es",
                "jina-v2-de",
                "jina-v1-en",
                "jina-v2-code",
                "roberta-bpe",
                "gigachat",
                "a.x-4.0",
                "mellum",
                "modern-bert",
                "exaone4",
                "trillion",
                "granite-docling");
        put(kinds, plain("[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"), "falcon");
        put(kinds, plain("[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"), "default");
        return kinds;
    }

    private static Pre plain(String... patterns) {
        return new Pre(List.of(patterns), false, false, false);
    }

    private static void put(Map<String, Pre> kinds, Pre pre, String... names) {
        for (String name : names) {
            kinds.put(name, pre);
        }
    }
}
