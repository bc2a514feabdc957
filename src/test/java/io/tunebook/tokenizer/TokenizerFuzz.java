package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Damages tokenizers and loads them, in a process of its own: what the native library fails on ends the process.
 *
 * <p>{@code TokenizerFuzz FOLDER SEED COUNT FILE...}: each try is written to FOLDER/try.json first, so that the last
 * one is there after a crash.
 */
final class TokenizerFuzz {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Values that stand in the wrong place, and parts of tokenizers with what their fields must not be. */
    private static final String[] VALUES = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1",
        "2",
        "255",
        "2000000000",
        "99999999999",
        "0.5",
        "1e308",
        "\"\"",
        "\"a\"",
        "\"\u2581\"",
        "\"<unk>\"",
        "\"<|endoftext|>\"",
        "\"A\"",
        "\"B\"",
        "[]",
        "{}",
        "[[]]",
        "[\"a\",1]",
        "[\"a\",\"b\"]",
        "{\"a\":0}",
        "\"Isolated\"",
        "{\"type\":\"NFC\"}",
        "{\"type\":\"Lowercase\"}",
        "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}",
        "{\"type\":\"Strip\",\"content\":\"a\",\"start\":1,\"stop\":1}",
        "{\"type\":\"Strip\",\"content\":\" \",\"start\":9,\"stop\":0}",
        "{\"type\":\"Prepend\",\"prepend\":\"\"}",
        "{\"type\":\"Prepend\",\"prepend\":\"\u2581\"}",
        "{\"type\":\"Nmt\"}",
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"x\"}",
        "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a*\"},\"content\":\"x\"}",
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"\"}",
        "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\"}",
        "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}",
        "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAAAAA=\"}",
        "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////w==\"}",
        "{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                + "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true}",
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}",
        "{\"type\":\"Whitespace\"}",
        "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"always\",\"split\":true}",
        "{\"type\":\"WhitespaceSplit\"}",
        "{\"type\":\"Metaspace\",\"replacement\":\"\",\"prepend_scheme\":\"first\",\"split\":false}",
        "{\"type\":\"Digits\",\"individual_digits\":true}",
        "{\"type\":\"Punctuation\",\"behavior\":\"MergedWithPrevious\"}",
        "{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"\"}",
        "{\"type\":\"FixedLength\",\"length\":0}",
        "{\"type\":\"FixedLength\",\"length\":3}",
        "{\"type\":\"UnicodeScripts\"}",
        "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},\"behavior\":\"Isolated\",\"invert\":false}",
        "{\"type\":\"Split\",\"pattern\":{\"String\":\"\"},\"behavior\":\"Removed\",\"invert\":true}",
        "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\"},\"behavior\":\"Contiguous\",\"invert\":false}",
        "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x*\"},\"behavior\":\"MergedWithNext\",\"invert\":true}",
        "{\"type\":\"Sequence\",\"normalizers\":[]}",
        "{\"type\":\"Sequence\",\"pretokenizers\":[]}",
        "{\"type\":\"Sequence\",\"decoders\":[]}",
        "{\"type\":\"Sequence\",\"processors\":[]}",
        "{\"type\":\"Fuse\"}",
        "{\"type\":\"ByteFallback\"}",
        "{\"type\":\"WordPiece\",\"prefix\":\"\",\"cleanup\":true}",
        "{\"type\":\"BPEDecoder\",\"suffix\":\"\"}",
        "{\"type\":\"CTC\",\"pad_token\":\"\",\"word_delimiter_token\":\"\",\"cleanup\":true}",
        "{\"type\":\"BertProcessing\",\"sep\":[\"a\",0],\"cls\":[\"b\",2000000000]}",
        "{\"type\":\"RobertaProcessing\",\"sep\":[\"a\",0],\"cls\":[\"b\",1],\"trim_offsets\":true,\"add_prefix_space\":true}",
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
                + "\"pair\":[],\"special_tokens\":{}}",
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
        "{\"type\":\"TemplateProcessing\",\"single\":[],\"pair\":[],\"special_tokens\":{\"a\":{\"id\":\"b\",\"ids\":[],\"tokens\":[\"c\"]}}}",
        "{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1.0],[\"b\",-2.0]],\"unk_id\":null}",
        "{\"type\":\"Unigram\",\"vocab\":[],\"unk_id\":0}",
        "{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1.0],[\"\",-2.0]],\"unk_id\":0,\"byte_fallback\":true}",
        "{\"type\":\"WordLevel\",\"vocab\":{\"b\":0},\"unk_token\":\"<unk>\"}",
        "{\"type\":\"WordLevel\",\"vocab\":{\"b\":0},\"unk_token\":\"b\"}",
        "{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":0,\"x\":1},\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                + "\"max_input_chars_per_word\":0}",
        "{\"type\":\"WordPiece\",\"vocab\":{\"x\":1},\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100}",
        "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"],\"unk_token\":\"zz\"}",
        "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"],\"continuing_subword_prefix\":\"####\"}",
        "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}",
        "{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}",
        "{\"type\":\"BPE\",\"dropout\":7.5,\"vocab\":{\"a\":0},\"merges\":[]}",
        "{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}",
        "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[],\"end_of_word_suffix\":\"zzzz\"}",
        "{\"direction\":\"Right\",\"max_length\":1,\"strategy\":\"LongestFirst\",\"stride\":5}",
        "{\"strategy\":{\"Fixed\":1},\"direction\":\"Right\",\"pad_to_multiple_of\":0,\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"\"}",
        "{\"id\":3,\"content\":\"\",\"single_word\":true,\"lstrip\":true,\"rstrip\":true,\"normalized\":true,\"special\":true}",
        "{\"id\":2000000000,\"content\":\"new\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":false}",
    };

    /** Which of these belong where, so that many tries get as far as the native library. */
    private static final Map<String, String> TYPES = Map.of(
            "normalizer", "NFC Lowercase Strip Prepend Nmt Replace Precompiled BertNormalizer ByteLevel Sequence",
            "pre_tokenizer",
                    "ByteLevel Whitespace WhitespaceSplit Metaspace Digits Punctuation CharDelimiterSplit FixedLength"
                            + " UnicodeScripts Split Sequence",
            "post_processor", "BertProcessing RobertaProcessing TemplateProcessing ByteLevel Sequence",
            "decoder", "Strip Replace ByteLevel Metaspace Fuse ByteFallback WordPiece BPEDecoder CTC Sequence",
            "model", "Unigram WordLevel WordPiece BPE",
            "added_tokens", "content",
            "truncation", "max_length",
            "padding", "pad_id");

    private TokenizerFuzz() {}

    private static JsonNode value(String part, Random random) throws IOException {
        while (true) {
            JsonNode value = JSON.readTree(VALUES[random.nextInt(VALUES.length)]);
            String type = value.path("type").asText("");
            if (random.nextInt(20) == 0
                    || !type.isEmpty() && List.of(TYPES.get(part).split(" ")).contains(type)
                    || value.has(TYPES.get(part))) {
                return value;
            }
        }
    }

    public static void main(String[] args) throws IOException {
        Path file = Path.of(args[0]).resolve("try.json");
        Random random = new Random(Long.parseLong(args[1]));
        List<JsonNode> sources = new ArrayList<>();
        for (int i = 3; i < args.length; i++) {
            sources.add(small(JSON.readTree(Files.readAllBytes(Path.of(args[i])))));
        }
        int loaded = 0;
        int count = Integer.parseInt(args[2]);
        for (int i = 0; i < count; i++) {
            JsonNode tree = sources.get(random.nextInt(sources.size())).deepCopy();
            for (int changes = 1 + random.nextInt(2); changes > 0; changes--) {
                change(tree, random);
            }
            byte[] bytes = JSON.writeValueAsBytes(tree);
            for (int flips = random.nextInt(8) == 0 ? 1 + random.nextInt(3) : 0; flips > 0; flips--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(128);
            }
            Files.write(file, bytes);
            loaded += load(file) ? 1 : 0;
        }
        System.out.println("tried " + count + ", loaded " + loaded);
    }

    /** Loads and uses a tokenizer; false if that ends with an exception, which is what must happen to a damaged one. */
    static boolean load(Path file) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            for (String text :
                    List.of("", "a", " Hello, world! 123\n\n  \u00e9\u4e2d\ud83d\ude42 ", "aaab ".repeat(200))) {
                int[] ids = tokenizer.ids(text, true);
                tokenizer.encode(text);
                tokenizer.decode(ids, true);
                tokenizer.decode(ids, false);
            }
            for (int id = 0; id < Math.min(50, tokenizer.vocabularySize()); id++) {
                tokenizer.decode(id);
            }
            tokenizer.stream().push(0);
            return true;
        } catch (IOException | IllegalArgumentException | IllegalStateException e) {
            return false;
        }
    }

    /** A vocabulary of some hundreds of tokens loads in no time. */
    static JsonNode small(JsonNode root) {
        JsonNode vocab = root.at("/model/vocab");
        if (vocab instanceof ObjectNode object && object.size() > 2000) {
            List<String> gone = new ArrayList<>();
            object.properties().forEach(e -> {
                if (e.getValue().intValue() >= 600) {
                    gone.add(e.getKey());
                }
            });
            object.remove(gone);
            if (root.at("/model/merges") instanceof ArrayNode merges) {
                for (int i = merges.size() - 1; i >= 0; i--) {
                    JsonNode m = merges.get(i);
                    String[] pair = m.isArray()
                            ? new String[] {m.get(0).asText(), m.get(1).asText()}
                            : m.asText().split(" ", 2);
                    if (i >= 600 || !object.has(pair[0]) || !object.has(pair[1]) || !object.has(pair[0] + pair[1])) {
                        merges.remove(i);
                    }
                }
            }
        }
        return root;
    }

    private static void change(JsonNode root, Random random) throws IOException {
        // Most changes in the small parts, a few anywhere.
        String[] parts = {
            "normalizer", "pre_tokenizer", "post_processor", "decoder", "model", "added_tokens", "truncation", "padding"
        };
        String part = parts[random.nextInt(parts.length)];
        JsonNode value =
                random.nextInt(3) > 0 ? value(part, random) : JSON.readTree(VALUES[random.nextInt(VALUES.length)]);
        if (random.nextInt(3) == 0 || !root.has(part) || !root.get(part).isContainerNode()) {
            ((ObjectNode) root).set(part, value);
            return;
        }
        JsonNode at = root.get(part);
        while (true) {
            if (at.size() == 0) {
                return;
            }
            int i = random.nextInt(Math.min(at.size(), 40));
            String name = null;
            if (at.isObject()) {
                List<String> names = new ArrayList<>();
                at.fieldNames().forEachRemaining(names::add);
                name = names.get(i);
            }
            JsonNode child = name == null ? at.get(i) : at.get(name);
            if (child.isContainerNode() && random.nextInt(4) > 0) {
                at = child;
                continue;
            }
            boolean delete = random.nextInt(4) == 0;
            if (at instanceof ObjectNode object) {
                if (delete) {
                    object.remove(name);
                } else {
                    object.set(name, value);
                }
            } else if (at instanceof ArrayNode array) {
                if (delete) {
                    array.remove(i);
                } else if (random.nextBoolean()) {
                    array.insert(i, value);
                } else {
                    array.set(i, value);
                }
            }
            return;
        }
    }
}
