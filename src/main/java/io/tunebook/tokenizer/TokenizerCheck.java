package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.tensors.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Refuses a {@code tokenizer.json} that the native tokenizers library would take and then fail on: there such a failure
 * ends the whole process, not only the call.
 *
 * @see <a href="https://github.com/huggingface/tokenizers/tree/main/tokenizers/src">tokenizers: the library's
 * source</a>
 */
final class TokenizerCheck {
    private final Path file;
    private final JsonNode root;
    private final JsonNode model;
    private final List<String> tokens;

    private TokenizerCheck(Path file, JsonNode root, List<String> tokens) {
        this.file = file;
        this.root = root;
        this.model = root.path("model");
        this.tokens = tokens;
    }

    /**
     * Checks what does not need the whole file.
     *
     * @param root a {@code tokenizer.json} without its vocabulary and, unless {@code continuing_subword_prefix} is set,
     *     its merges
     * @param tokens the vocabulary's tokens by their ids
     * @throws ModelFormatException if it cannot be given to the native library
     */
    static void require(Path file, JsonNode root, List<String> tokens) throws ModelFormatException {
        TokenizerCheck check = new TokenizerCheck(file, root, tokens);
        check.model();
        check.steps("/normalizer", root.path("normalizer"), "normalizers", 0);
        check.steps("/pre_tokenizer", root.path("pre_tokenizer"), "pretokenizers", 0);
        check.steps("/post_processor", root.path("post_processor"), "processors", 0);
        check.steps("/decoder", root.path("decoder"), "decoders", 0);
    }

    private ModelFormatException wrong(String place, String expected) {
        return new ModelFormatException(file, place + ": " + expected);
    }

    private void model() throws ModelFormatException {
        String type =
                model.path("type").asText(model.has("merges") ? "BPE" : model.has("unk_id") ? "Unigram" : "WordLevel");
        if (tokens.isEmpty()) {
            throw wrong("/model/vocab", "expected tokens, found none");
        }
        switch (type) {
            case "Unigram" -> {
                JsonNode unknown = model.path("unk_id");
                if (!unknown.canConvertToInt() || unknown.intValue() < 0 || unknown.intValue() >= tokens.size()) {
                    throw wrong(
                            "/model/unk_id",
                            "expected the id of the token for what the vocabulary does not have, below " + tokens.size()
                                    + ", found " + found(unknown));
                }
            }
            case "WordLevel" -> unknown(model.path("unk_token").asText("<unk>"));
            case "WordPiece" -> unknown(model.path("unk_token").asText("[UNK]"));
            default -> {
                JsonNode unknown = model.path("unk_token");
                if (unknown.isTextual() && !tokens.contains(unknown.asText()) && !everyByte()) {
                    unknown(unknown.asText());
                }
                prefix(model.path("continuing_subword_prefix").asText(""));
            }
        }
    }

    private void unknown(String token) throws ModelFormatException {
        if (!tokens.contains(token)) {
            throw wrong("/model/unk_token", "expected a token of the vocabulary, found \"" + token + "\"");
        }
    }

    /** Whether each byte has a token, so that no text needs the token for what the vocabulary does not have. */
    private boolean everyByte() {
        Set<String> all = new HashSet<>(tokens);
        return ByteLevelBpe.charactersOfBytes().stream().allMatch(all::contains);
    }

    /** The library cuts the prefix off the right half of each merge without looking. */
    private void prefix(String prefix) throws ModelFormatException {
        if (prefix.isEmpty()) {
            return;
        }
        for (JsonNode merge : model.path("merges")) {
            String text = merge.asText();
            String right = merge.isArray() ? merge.path(1).asText() : text.substring(text.indexOf(' ') + 1);
            if (!right.startsWith(prefix)) {
                throw wrong(
                        "/model/merges", "expected the prefix \"" + prefix + "\" in the second piece, found " + merge);
            }
        }
    }

    /** A step, or a sequence of them, of any of the four parts. */
    private void steps(String place, JsonNode step, String list, int depth) throws ModelFormatException {
        if (depth > 20) {
            throw wrong(place, "expected at most 20 sequences in one another");
        }
        if (step.isObject() && !step.path("type").isTextual()) {
            throw wrong(place, "expected a type, found none; the library would guess one");
        }
        switch (step.path("type").asText()) {
            case "Prepend" -> {
                if (step.path("prepend").asText().isEmpty()) {
                    throw wrong(place + "/prepend", "expected a text, found " + found(step.path("prepend")));
                }
            }
            case "Sequence" -> {
                int i = 0;
                for (JsonNode inner : step.path(list)) {
                    steps(place + "/" + list + "/" + i++, inner, list, depth + 1);
                }
            }
            case "TemplateProcessing" -> template(place, step);
            case "Precompiled" -> precompiled(place, step.path("precompiled_charsmap"));
            case "Strip" -> {
                if (step.path("stop").asInt(0) != 0) {
                    throw wrong(
                            place + "/stop",
                            "expected 0, since the library fails on short tokens otherwise, found "
                                    + step.path("stop"));
                }
            }
            case "FixedLength" -> {
                if (step.path("length").asInt(0) <= 0) {
                    throw wrong(place + "/length", "expected a length above 0, found " + found(step.path("length")));
                }
            }
            case "Replace", "Split" ->
                pattern(
                        place + "/pattern",
                        step.path("pattern"),
                        step.path("type").asText());
            default -> {}
        }
    }

    private void template(String place, JsonNode step) throws ModelFormatException {
        JsonNode special = step.path("special_tokens");
        for (String which : List.of("single", "pair")) {
            for (JsonNode piece : step.path(which)) {
                String token = piece.path("SpecialToken").path("id").asText("");
                if (piece.has("SpecialToken") && !special.has(token)) {
                    throw wrong(place + "/" + which, "expected a token of special_tokens, found \"" + token + "\"");
                }
                String sequence = piece.path("Sequence").path("id").asText("A");
                if (which.equals("single") && !sequence.equals("A")) {
                    throw wrong(place + "/single", "expected the sequence A alone, found " + sequence);
                }
            }
        }
        for (var token : special.properties()) {
            if (token.getValue().path("ids").size()
                    != token.getValue().path("tokens").size()) {
                throw wrong(place + "/special_tokens/" + token.getKey(), "expected as many ids as tokens");
            }
            // It is found under the name that it has inside, whatever the key says.
            if (!token.getValue().path("id").asText().equals(token.getKey())) {
                throw wrong(
                        place + "/special_tokens/" + token.getKey(),
                        "expected the key as the id, found "
                                + found(token.getValue().path("id")));
            }
        }
    }

    private void precompiled(String place, JsonNode map) throws ModelFormatException {
        if (map.isMissingNode() || map.isNull()) {
            return;
        }
        try {
            byte[] bytes = map.isTextual() ? Base64.getDecoder().decode(map.asText()) : null;
            if (bytes == null || !PrecompiledMap.isWhole(bytes)) {
                throw wrong(place + "/precompiled_charsmap", "expected a map of SentencePiece, found a damaged one");
            }
        } catch (IllegalArgumentException e) {
            throw wrong(place + "/precompiled_charsmap", "expected base64, found " + e.getMessage());
        }
    }

    private void pattern(String place, JsonNode pattern, String step) throws ModelFormatException {
        String literal = pattern.path("String").asText(null);
        String regex = pattern.path("Regex").asText(null);
        if (literal != null && literal.isEmpty() || regex != null && regex.isEmpty()) {
            throw wrong(place, "expected a pattern that matches something, found an empty one");
        }
        if (regex != null && !PreTokenizers.knows(regex)) {
            String fault = RegexCheck.fault(regex, step.equals("Replace"));
            if (fault != null) {
                throw wrong(place, fault + ": " + (regex.length() > 200 ? regex.substring(0, 200) + "…" : regex));
            }
        }
    }

    private static String found(JsonNode node) {
        return node.isMissingNode() || node.isNull() ? "none" : node.toString();
    }

    /**
     * The {@code precompiled_charsmap} of SentencePiece: the size of a trie, the trie as a double array, and the texts
     * that its leaves point into, each ended by a zero. The native library follows what it says without looking.
     *
     * @see <a href="https://github.com/google/sentencepiece/blob/master/src/normalizer.cc">SentencePiece: the map's
     * form</a>
     * @see <a href="https://github.com/s-yata/darts-clone">Darts-clone: the units of the double array</a>
     */
    private static final class PrecompiledMap {
        private PrecompiledMap() {}

        /** Whether no path through the trie and no leaf leads out of the map. */
        static boolean isWhole(byte[] bytes) {
            if (bytes.length < 4) {
                return false;
            }
            ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            int size = in.getInt();
            if (size < 4 || size % 4 != 0 || size > bytes.length - 4) {
                return false;
            }
            int[] units = new int[size / 4];
            in.asIntBuffer().get(units);
            byte[] texts = new byte[bytes.length - 4 - size];
            in.position(4 + size).get(texts);
            try {
                StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(texts));
            } catch (CharacterCodingException e) {
                return false;
            }
            return reachable(units, texts);
        }

        private static boolean reachable(int[] units, byte[] texts) {
            BitSet seen = new BitSet(units.length);
            Deque<Integer> bases = new ArrayDeque<>();
            int root = offset(units[0]);
            if (root < 0 || root >= units.length) {
                return false;
            }
            bases.add(root);
            seen.set(root);
            while (!bases.isEmpty()) {
                int base = bases.remove();
                for (int label = 1; label < 256; label++) {
                    int at = base ^ label;
                    if (at >= units.length) {
                        return false;
                    }
                    // The library compares with the unit's sign bit and lowest eight bits.
                    if ((units[at] & (1 << 31 | 0xff)) != label) {
                        continue;
                    }
                    int next = at ^ offset(units[at]);
                    if (next < 0 || next >= units.length) {
                        return false;
                    }
                    if ((units[at] >>> 8 & 1) == 1 && !leaf(units[next] & 0x7fffffff, texts)) {
                        return false;
                    }
                    if (!seen.get(next)) {
                        seen.set(next);
                        bases.add(next);
                    }
                }
            }
            return true;
        }

        /** Whether a leaf points to the beginning of a character. */
        private static boolean leaf(int value, byte[] texts) {
            return value < texts.length && (texts[value] & 0xc0) != 0x80;
        }

        private static int offset(int unit) {
            return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
        }
    }
}
