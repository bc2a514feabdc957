package io.tunebook.data;

import java.lang.Character.UnicodeScript;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A guess at a text's language: by its script, and for Latin script by the most frequent small words. Good for sorting
 * a corpus, not for single words.
 */
public final class Language {
    private static final int ENOUGH = 4000;
    /** In the order in which they are tried: of two with as many words the first one counts. */
    private static final List<SmallWords> SMALL_WORDS = List.of(
            new SmallWords(
                    "en",
                    Set.of(
                            "the", "and", "of", "to", "is", "that", "it", "was", "for", "with", "are", "not", "this",
                            "you", "have")),
            new SmallWords(
                    "de",
                    Set.of(
                            "der", "die", "und", "das", "ist", "nicht", "ein", "eine", "zu", "mit", "den", "von",
                            "sich", "auf", "dem")),
            new SmallWords(
                    "fr",
                    Set.of(
                            "le", "la", "les", "et", "des", "est", "une", "dans", "que", "pour", "pas", "qui", "sur",
                            "du", "au")),
            new SmallWords(
                    "es",
                    Set.of(
                            "el", "la", "los", "las", "y", "es", "que", "una", "por", "con", "para", "del", "se", "no",
                            "su")),
            new SmallWords(
                    "it",
                    Set.of(
                            "il", "che", "di", "è", "non", "una", "per", "con", "del", "della", "sono", "gli", "le",
                            "si", "un")),
            new SmallWords(
                    "pt",
                    Set.of(
                            "o", "os", "e", "não", "uma", "que", "para", "com", "do", "da", "em", "é", "se", "as",
                            "um")),
            new SmallWords(
                    "nl",
                    Set.of(
                            "de", "het", "een", "en", "van", "is", "niet", "dat", "op", "te", "met", "voor", "zijn",
                            "er", "aan")));

    private record SmallWords(String language, Set<String> words) {}

    private Language() {}

    /**
     * The language of a text's first few thousand characters, as an ISO 639-1 code; {@code und} if there are no letters
     * or none of the known languages fits.
     */
    public static String of(String text) {
        int han = 0;
        int kana = 0;
        int latin = 0;
        Map<UnicodeScript, Integer> others = new LinkedHashMap<>();
        int end = Math.min(text.length(), ENOUGH);
        for (int i = 0; i < end; ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            if (c >= 0x4e00 && c <= 0x9fff) {
                han++;
            } else if (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
                latin++;
            } else if (c >= 0x80 && Character.isLetter(c)) {
                UnicodeScript script = UnicodeScript.of(c);
                switch (script) {
                    case HAN -> han++;
                    case HIRAGANA, KATAKANA -> kana++;
                    case LATIN -> latin++;
                    default -> others.merge(script, 1, Integer::sum);
                }
            }
        }
        UnicodeScript other = null;
        int most = 0;
        for (Map.Entry<UnicodeScript, Integer> e : others.entrySet()) {
            if (e.getValue() > most) {
                most = e.getValue();
                other = e.getKey();
            }
        }
        // A Chinese character says about as much as a syllable of two or three Latin letters.
        int eastAsian = 2 * (han + kana);
        if (eastAsian == 0 && latin == 0 && most == 0) {
            return "und";
        }
        if (eastAsian >= latin && eastAsian >= most) {
            return kana * 20 > han + kana ? "ja" : "zh";
        }
        return latin >= most ? latin(text.substring(0, end)) : code(other);
    }

    private static String latin(String text) {
        String[] words = text.toLowerCase(Locale.ROOT).split("[^\\p{L}]+");
        String best = "und";
        int most = 0;
        for (SmallWords language : SMALL_WORDS) {
            int found = 0;
            for (String word : words) {
                found += language.words().contains(word) ? 1 : 0;
            }
            if (found > most) {
                most = found;
                best = language.language();
            }
        }
        return most * 20 >= words.length ? best : "und";
    }

    private static String code(UnicodeScript script) {
        return switch (script) {
            case HANGUL -> "ko";
            case CYRILLIC -> "ru";
            case ARABIC -> "ar";
            case GREEK -> "el";
            case HEBREW -> "he";
            case THAI -> "th";
            case DEVANAGARI -> "hi";
            case GEORGIAN -> "ka";
            case ARMENIAN -> "hy";
            case BENGALI -> "bn";
            case TAMIL -> "ta";
            case TIBETAN -> "bo";
            case MONGOLIAN -> "mn";
            default -> "und";
        };
    }
}
