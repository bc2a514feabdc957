package io.tunebook.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code textwrap.wrap} without expansion of tabs or replacement of white space. */
final class WordWrap {
    private static final Pattern SPACES_OR_WORDS = Pattern.compile("[\\t\\n\\x0b\\f\\r ]+|[^\\t\\n\\x0b\\f\\r ]+");
    private static final Pattern HYPHENATED = Pattern.compile(
            "(?<=[\\w!\"'&.,?])[^\\W\\d]*+-(?=[^\\W\\d])|(?<=[^\\W\\d])-(?=[^\\W\\d])",
            Pattern.UNICODE_CHARACTER_CLASS);

    private WordWrap() {}

    static List<String> wrap(String text, int width, boolean breakWords, boolean breakHyphens) {
        List<String> chunks = new ArrayList<>();
        for (Matcher m = SPACES_OR_WORDS.matcher(text); m.find(); ) {
            chunks.addAll(breakHyphens ? parts(m.group()) : List.of(m.group()));
        }
        List<String> lines = new ArrayList<>();
        int at = 0;
        String rest = chunks.isEmpty() ? null : chunks.get(0);
        while (rest != null) {
            StringBuilder line = new StringBuilder();
            int length = 0;
            if (rest.isBlank() && !lines.isEmpty()) {
                rest = ++at < chunks.size() ? chunks.get(at) : null;
            }
            while (rest != null && length + Texts.length(rest) <= width) {
                line.append(rest);
                length += Texts.length(rest);
                rest = ++at < chunks.size() ? chunks.get(at) : null;
            }
            if (rest != null && Texts.length(rest) > width && (breakWords || line.isEmpty())) {
                int room = breakWords ? Math.max(1, width - length) : Texts.length(rest);
                if (!breakWords || room > 0 && length < width) {
                    int cut = rest.offsetByCodePoints(0, room);
                    line.append(rest, 0, cut);
                    rest = cut < rest.length() ? rest.substring(cut) : ++at < chunks.size() ? chunks.get(at) : null;
                }
            }
            String written = Texts.strip(line.toString(), "\t\n\u000b\f\r ", false, true);
            if (!written.isEmpty()) {
                lines.add(written);
            }
        }
        return lines;
    }

    private static List<String> parts(String word) {
        List<String> parts = new ArrayList<>();
        int from = 0;
        for (Matcher m = HYPHENATED.matcher(word); m.find(); from = m.end()) {
            parts.add(word.substring(from, m.end()));
        }
        if (from < word.length()) {
            parts.add(word.substring(from));
        }
        return parts;
    }
}
