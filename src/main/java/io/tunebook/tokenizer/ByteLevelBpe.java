package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.ibm.icu.lang.UCharacter;
import io.tunebook.files.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Byte-level BPE without places, several times as fast as the tokenizers library, for the tokenizers whose splitting is
 * known here; a corpus goes through it. It finds the same ids or, where it is not certain to, none: the library has to
 * do texts that spell out an added token, that need normalising, that hold characters younger than Unicode 13, or
 * that have hundreds of bytes without a place to cut.
 *
 * <p>A piece of text is merged by rank, lowest first, then leftmost. Two things save most of that work and change
 * nothing: a piece that is a token, and that merging would give as this one token, is looked up; and a piece is cut
 * where no token has the two bytes beside each other, for no merge ever crosses there.
 *
 * @see <a href="https://github.com/openai/gpt-2/blob/master/src/encoder.py">GPT-2: bytes as characters, merges by rank</a>
 */
final class ByteLevelBpe {
    /** Merging takes time that grows with the square of the bytes; from here on the library's way is the better one. */
    private static final int LONGEST = 512;

    /** Younger characters than Java 17's are letters to one library and nothing to another, by their versions. */
    private static final int YOUNGEST_UNICODE = 13;

    private static final BitSet KNOWN = new BitSet(Character.MAX_CODE_POINT + 1);

    static {
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            int age = UCharacter.getAge(c).getMajor();
            int type = Character.getType(c);
            KNOWN.set(
                    c,
                    age > 0 && age <= YOUNGEST_UNICODE && type != Character.UNASSIGNED && type != Character.SURROGATE);
        }
    }

    private static final long NONE = Long.MAX_VALUE;

    private final List<Pattern> patterns;
    private final boolean nfc;
    private final boolean wholeWords;
    /** For each byte its token, −1 if the vocabulary has none: such bytes vanish. */
    private final int[] ofByte = new int[256];
    /** For two bytes whether some token has them beside each other. */
    private final boolean[] adjacent = new boolean[1 << 16];
    /** The first characters of added tokens, and the tokens by their first two (one, if they have no more). */
    private final BitSet addedStarts = new BitSet();

    private final Map<String, List<String>> added = new HashMap<>();

    private final PairTable merges;
    private final TokenTable tokens;

    private ByteLevelBpe(
            List<Pattern> patterns, boolean nfc, boolean wholeWords, JsonNode model, JsonNode addedTokens) {
        this.patterns = patterns;
        this.nfc = nfc;
        this.wholeWords = wholeWords;
        for (JsonNode token : addedTokens) {
            String content = token.path("content").asText();
            if (!content.isEmpty()) {
                addedStarts.set(content.charAt(0));
                added.computeIfAbsent(content.substring(0, Math.min(2, content.length())), k -> new ArrayList<>())
                        .add(content);
            }
        }
        int[] bytes = bytesOfCharacters();
        JsonNode vocab = model.path("vocab");
        Map<String, Integer> ids = new HashMap<>(vocab.size() * 2);
        vocab.properties().forEach(e -> ids.put(e.getKey(), e.getValue().intValue()));
        Arrays.fill(ofByte, -1);
        List<byte[]> spelled = new ArrayList<>();
        List<Integer> spelledIds = new ArrayList<>();
        for (Map.Entry<String, Integer> e : ids.entrySet()) {
            byte[] token = bytes(e.getKey(), bytes);
            if (token == null) {
                continue; // no sequence of bytes gives it: an added token
            }
            if (token.length == 1) {
                ofByte[token[0] & 0xff] = e.getValue();
            }
            for (int i = 1; i < token.length; i++) {
                adjacent[(token[i - 1] & 0xff) << 8 | token[i] & 0xff] = true;
            }
            spelled.add(token);
            spelledIds.add(e.getValue());
        }
        JsonNode list = model.path("merges");
        merges = new PairTable(list.size());
        for (int rank = 0; rank < list.size(); rank++) {
            JsonNode merge = list.get(rank);
            String text = merge.asText();
            int space = text.indexOf(' ', 1);
            String left = merge.isArray() ? merge.get(0).asText() : text.substring(0, space);
            String right = merge.isArray() ? merge.get(1).asText() : text.substring(space + 1);
            merges.put(ids.get(left), ids.get(right), (long) rank << 32 | ids.get(left + right));
        }
        tokens = new TokenTable(spelled.size());
        Run run = new Run();
        for (int t = 0; t < spelled.size(); t++) {
            byte[] token = spelled.get(t);
            boolean certain = wholeWords;
            if (!certain && token.length <= LONGEST) {
                run.count = 0;
                run.merge(token, token.length);
                certain = run.count == 1 && run.out[0] == spelledIds.get(t);
            }
            if (certain) {
                tokens.put(token, spelledIds.get(t));
            }
        }
    }

    /**
     * @param json a {@code tokenizer.json}
     * @return empty where the tokenizer is of another kind or splits in a way that is not known here
     */
    static Optional<ByteLevelBpe> of(byte[] json) {
        JsonNode root;
        try {
            root = Json.files().readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // it was read once already
        }
        JsonNode model = root.path("model");
        JsonNode normalizer = root.path("normalizer");
        boolean nfc = normalizer.path("type").asText().equals("NFC");
        boolean plain = model.path("type").asText().equals("BPE")
                && (nfc || isNothing(normalizer))
                && absent(model, "dropout")
                && absent(model, "unk_token")
                && absent(model, "continuing_subword_prefix")
                && absent(model, "end_of_word_suffix")
                && !model.path("byte_fallback").asBoolean();
        List<Pattern> patterns = new ArrayList<>();
        if (!plain || !splits(root.path("pre_tokenizer"), patterns)) {
            return Optional.empty();
        }
        boolean wholeWords = model.path("ignore_merges").asBoolean();
        return Optional.of(new ByteLevelBpe(patterns, nfc, wholeWords, model, root.path("added_tokens")));
    }

    private static boolean isNothing(JsonNode normalizer) {
        return normalizer.isMissingNode()
                || normalizer.isNull()
                || normalizer.path("type").asText().equals("Sequence")
                        && normalizer.path("normalizers").isEmpty();
    }

    private static boolean absent(JsonNode model, String field) {
        JsonNode node = model.path(field);
        return node.isMissingNode()
                || node.isNull()
                || node.isTextual() && node.asText().isEmpty();
    }

    /** Notes the patterns of a pre-tokenizer, the one that turns to bytes last; false if one of its steps is not known. */
    private static boolean splits(JsonNode step, List<Pattern> into) {
        switch (step.path("type").asText()) {
            case "Sequence" -> {
                JsonNode steps = step.path("pretokenizers");
                for (int i = 0; i < steps.size(); i++) {
                    boolean last = i == steps.size() - 1;
                    if (last != steps.get(i).path("type").asText().equals("ByteLevel") || !splits(steps.get(i), into)) {
                        return false;
                    }
                }
                return steps.size() > 0;
            }
            case "ByteLevel" -> {
                if (step.path("use_regex").asBoolean(true)) {
                    into.add(pattern(GgufVocabulary.GPT2));
                }
                return !step.path("add_prefix_space").asBoolean(true);
            }
            case "Digits" -> {
                into.add(pattern("\\p{N}"));
                return step.path("individual_digits").asBoolean();
            }
            case "Split" -> {
                String regex = step.path("pattern").path("Regex").asText();
                into.add(pattern(regex));
                return GgufVocabulary.knows(regex)
                        && step.path("behavior").asText().equals("Isolated")
                        && !step.path("invert").asBoolean();
            }
            default -> {
                return false;
            }
        }
    }

    private static Pattern pattern(String regex) {
        return Pattern.compile(regex, Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNICODE_CASE);
    }

    /** The ids of a text without special tokens; null where the library has to find them. */
    int[] ids(String text) {
        if (!certain(text)) {
            return null;
        }
        Run run = new Run();
        return run.split(text, 0, text.length(), 0) ? Arrays.copyOf(run.out, run.count) : null;
    }

    /** Whether nothing is in the text that this class leaves to the library. */
    private boolean certain(String text) {
        boolean simple = true;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (addedStarts.get(c) && spellsAdded(text, i)) {
                return false;
            }
            if (c >= 0x300 && !(c >= 0x4e00 && c < 0x9fa6)) {
                simple = false;
                int point = text.codePointAt(i);
                if (!KNOWN.get(point)) {
                    return false;
                }
                i += Character.charCount(point) - 1;
            }
        }
        return simple || !nfc || Normalizer.isNormalized(text, Normalizer.Form.NFC);
    }

    private boolean spellsAdded(String text, int at) {
        for (int length = 1; length <= 2 && at + length <= text.length(); length++) {
            for (String token : added.getOrDefault(text.substring(at, at + length), List.of())) {
                if (text.startsWith(token, at)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** What one text needs while it is tokenized. */
    private final class Run {
        private int[] out = new int[256];
        private int count;
        private byte[] utf8 = new byte[256];
        private int[] symbols = new int[64];
        private long[] pairs = new long[64];

        /** Applies the patterns from one on to a part of the text; false if a piece is too long. */
        boolean split(String text, int from, int to, int step) {
            if (step == patterns.size()) {
                return piece(text, from, to);
            }
            Matcher matcher = patterns.get(step).matcher(text).region(from, to);
            int at = from;
            while (matcher.find()) {
                if (matcher.start() > at && !split(text, at, matcher.start(), step + 1)
                        || matcher.end() > matcher.start() && !split(text, matcher.start(), matcher.end(), step + 1)) {
                    return false;
                }
                at = matcher.end();
            }
            return at == to || split(text, at, to, step + 1);
        }

        private boolean piece(String text, int from, int to) {
            if (utf8.length < 3 * (to - from)) {
                utf8 = new byte[4 * (to - from)];
            }
            int n = 0;
            for (int i = from; i < to; i++) {
                int c = text.charAt(i);
                if (c < 0x80) {
                    utf8[n++] = (byte) c;
                } else if (c < 0x800) {
                    utf8[n++] = (byte) (0xc0 | c >> 6);
                    utf8[n++] = (byte) (0x80 | c & 0x3f);
                } else if (!Character.isHighSurrogate((char) c)) {
                    utf8[n++] = (byte) (0xe0 | c >> 12);
                    utf8[n++] = (byte) (0x80 | c >> 6 & 0x3f);
                    utf8[n++] = (byte) (0x80 | c & 0x3f);
                } else {
                    int point = text.codePointAt(i++);
                    utf8[n++] = (byte) (0xf0 | point >> 18);
                    utf8[n++] = (byte) (0x80 | point >> 12 & 0x3f);
                    utf8[n++] = (byte) (0x80 | point >> 6 & 0x3f);
                    utf8[n++] = (byte) (0x80 | point & 0x3f);
                }
            }
            int whole = tokens.get(utf8, 0, n);
            if (whole >= 0) {
                add(whole);
                return true;
            }
            return merge(utf8, n);
        }

        /** The tokens of some bytes; false if they are too many to merge. */
        private boolean merge(byte[] bytes, int length) {
            int n = 0;
            int before = -1;
            int first = 0;
            for (int i = 0; i < length; i++) {
                int b = bytes[i] & 0xff;
                if (ofByte[b] < 0) {
                    continue;
                }
                if (before >= 0 && !adjacent[before << 8 | b]) {
                    mergeSymbols(n);
                    n = 0;
                }
                if (n == LONGEST) {
                    return false;
                }
                if (n == symbols.length) {
                    symbols = Arrays.copyOf(symbols, 2 * n);
                    pairs = new long[2 * n];
                }
                symbols[n++] = ofByte[b];
                before = b;
            }
            mergeSymbols(n);
            return true;
        }

        private void mergeSymbols(int length) {
            int n = length;
            for (int i = 0; i + 1 < n; i++) {
                pairs[i] = merges.get(symbols[i], symbols[i + 1]);
            }
            while (n > 1) {
                int best = 0;
                long least = pairs[0];
                for (int i = 1; i + 1 < n; i++) {
                    if (pairs[i] < least) {
                        least = pairs[i];
                        best = i;
                    }
                }
                if (least == NONE) {
                    break;
                }
                symbols[best] = (int) least;
                n--;
                System.arraycopy(symbols, best + 2, symbols, best + 1, n - best - 1);
                if (best + 1 < n) {
                    System.arraycopy(pairs, best + 2, pairs, best + 1, Math.max(0, n - best - 2));
                    pairs[best] = merges.get(symbols[best], symbols[best + 1]);
                }
                if (best > 0) {
                    pairs[best - 1] = merges.get(symbols[best - 1], symbols[best]);
                }
            }
            for (int i = 0; i < n; i++) {
                add(symbols[i]);
            }
        }

        private void add(int id) {
            if (count == out.length) {
                out = Arrays.copyOf(out, 2 * count);
            }
            out[count++] = id;
        }
    }

    /** From two tokens to the rank of their merge, in the upper half, and what they become, in the lower. */
    private static final class PairTable {
        private final long[] table;
        private final int mask;

        PairTable(int size) {
            int slots = Integer.highestOneBit(Math.max(4, size)) * 4;
            table = new long[2 * slots];
            mask = slots - 1;
            Arrays.fill(table, -1);
        }

        private int slot(long key) {
            long h = key * 0x9E3779B97F4A7C15L;
            int at = (int) (h >>> 40) & mask;
            while (table[2 * at] != key && table[2 * at] != -1) {
                at = at + 1 & mask;
            }
            return 2 * at;
        }

        void put(int left, int right, long value) {
            long key = (long) left << 32 | right;
            int at = slot(key);
            table[at] = key;
            table[at + 1] = value;
        }

        long get(int left, int right) {
            int at = slot((long) left << 32 | right);
            return table[at] == -1 ? NONE : table[at + 1];
        }
    }

    /** From a token's bytes to its id. */
    private static final class TokenTable {
        private final byte[][] keys;
        private final int[] ids;
        private final int mask;

        TokenTable(int size) {
            int slots = Integer.highestOneBit(Math.max(4, size)) * 4;
            keys = new byte[slots][];
            ids = new int[slots];
            mask = slots - 1;
        }

        private int slot(byte[] bytes, int from, int to) {
            int h = 0;
            for (int i = from; i < to; i++) {
                h = 31 * h + bytes[i];
            }
            int at = (h * 0x9E3779B9 >>> 7) & mask;
            while (keys[at] != null && !Arrays.equals(keys[at], 0, keys[at].length, bytes, from, to)) {
                at = at + 1 & mask;
            }
            return at;
        }

        void put(byte[] token, int id) {
            int at = slot(token, 0, token.length);
            keys[at] = token;
            ids[at] = id;
        }

        int get(byte[] bytes, int from, int to) {
            int at = slot(bytes, from, to);
            return keys[at] == null ? -1 : ids[at];
        }
    }

    /** For each character that stands for a byte in a vocabulary, the byte: printable Latin-1 as it is, the others from U+0100 on. */
    private static int[] bytesOfCharacters() {
        int[] bytes = new int[512];
        Arrays.fill(bytes, -1);
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
            bytes[printable ? b : next++] = b;
        }
        return bytes;
    }

    private static byte[] bytes(String token, int[] ofCharacters) {
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            int c = token.charAt(i);
            if (c >= ofCharacters.length || ofCharacters[c] < 0) {
                return null;
            }
            bytes[i] = (byte) ofCharacters[c];
        }
        return bytes.length == 0 ? null : bytes;
    }
}
