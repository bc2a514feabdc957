package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.ibm.icu.lang.UCharacter;
import io.tunebook.files.Json;
import io.tunebook.tokenizer.BpeTables.PairTable;
import io.tunebook.tokenizer.BpeTables.TokenTable;
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
 * do texts that spell out an added token, that need normalising, or that hold characters younger than Unicode 13.
 *
 * <p>A piece of text is merged by rank, lowest first, then leftmost. Two things save most of that work and change
 * nothing: a piece that is a token, and that merging would give as this one token, is looked up; and a piece is cut
 * where no token has the two bytes beside each other, for no merge ever crosses there.
 *
 * @see <a href="https://github.com/openai/gpt-2/blob/master/src/encoder.py">GPT-2: bytes as characters, merges by
 *     rank</a>
 */
final class ByteLevelBpe {
    /**
     * Merging in place takes time that grows with the square of the bytes; from here on {@link LongMerge} is faster.
     */
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
                && (nfc || PreTokenizers.isNothing(normalizer))
                && absent(model, "dropout")
                && absent(model, "unk_token")
                && absent(model, "continuing_subword_prefix")
                && absent(model, "end_of_word_suffix")
                && !model.path("byte_fallback").asBoolean();
        // A pattern is compiled when it is known: others may be of a dialect that Java does not have.
        Optional<List<Pattern>> patterns = PreTokenizers.patterns(root.path("pre_tokenizer"))
                .filter(all -> all.stream().allMatch(PreTokenizers::knows))
                .map(all -> all.stream().map(ByteLevelBpe::pattern).toList());
        if (!plain || patterns.isEmpty()) {
            return Optional.empty();
        }
        boolean wholeWords = model.path("ignore_merges").asBoolean();
        return Optional.of(new ByteLevelBpe(patterns.get(), nfc, wholeWords, model, root.path("added_tokens")));
    }

    private static boolean absent(JsonNode model, String field) {
        JsonNode node = model.path(field);
        return node.isMissingNode()
                || node.isNull()
                || node.isTextual() && node.asText().isEmpty();
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
        run.split(text, 0, text.length(), 0);
        return Arrays.copyOf(run.out, run.count);
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

        /** Applies the patterns from one on to a part of the text. */
        void split(String text, int from, int to, int step) {
            if (step == patterns.size()) {
                piece(text, from, to);
                return;
            }
            Matcher matcher = patterns.get(step).matcher(text).region(from, to);
            int at = from;
            while (matcher.find()) {
                if (matcher.start() > at) {
                    split(text, at, matcher.start(), step + 1);
                }
                if (matcher.end() > matcher.start()) {
                    split(text, matcher.start(), matcher.end(), step + 1);
                }
                at = matcher.end();
            }
            if (at < to) {
                split(text, at, to, step + 1);
            }
        }

        private void piece(String text, int from, int to) {
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
            } else {
                merge(utf8, n);
            }
        }

        /** The tokens of some bytes. */
        private void merge(byte[] bytes, int length) {
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
                if (n == symbols.length) {
                    symbols = Arrays.copyOf(symbols, 2 * n);
                }
                symbols[n++] = ofByte[b];
                before = b;
            }
            mergeSymbols(n);
        }

        private void mergeSymbols(int length) {
            if (length > LONGEST) {
                LongMerge.merge(symbols, length, merges, this::add);
                return;
            }
            if (pairs.length < length) {
                pairs = new long[symbols.length];
            }
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
                if (least == PairTable.NONE) {
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

    /**
     * For each character that stands for a byte in a vocabulary, the byte: printable Latin-1 as it is, the others from
     * U+0100 on.
     */
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

    /** The tokens of single bytes, as a byte-level vocabulary writes them. */
    static List<String> charactersOfBytes() {
        int[] bytes = bytesOfCharacters();
        List<String> characters = new ArrayList<>();
        for (int c = 0; c < bytes.length; c++) {
            if (bytes[c] >= 0) {
                characters.add(Character.toString(c));
            }
        }
        return characters;
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
