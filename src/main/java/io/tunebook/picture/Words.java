package io.tunebook.picture;

import java.util.Locale;
import java.util.Optional;
import java.util.ResourceBundle;

/**
 * The words of pictures and charts, kept apart from the drawing, so that a picture in another language is another file
 * of words.
 */
public final class Words {
    /**
     * The language that {@code TUNEBOOK_LANGUAGE} names ({@code zh} for Chinese), not the computer's: English where it
     * is not set.
     */
    public static final Words COURSE = new Words(Locale.forLanguageTag(
            Optional.ofNullable(System.getenv("TUNEBOOK_LANGUAGE")).orElse("")));

    private final ResourceBundle bundle;

    /** The words of a language; of English where there are none of it. */
    Words(Locale language) {
        bundle = ResourceBundle.getBundle(
                "io.tunebook.picture.picture",
                language,
                ResourceBundle.Control.getNoFallbackControl(ResourceBundle.Control.FORMAT_PROPERTIES));
    }

    /**
     * The words of a key.
     *
     * @param values what stands for {0}, {1} …
     * @throws java.util.MissingResourceException if there is no such key
     */
    public String of(String key, Object... values) {
        String text = bundle.getString(key);
        for (int i = 0; i < values.length; i++) {
            text = text.replace("{" + i + "}", String.valueOf(values[i]));
        }
        return text;
    }

    /** The words of a key that are several lines, which a vertical bar parts. */
    String[] lines(String key, Object... values) {
        return of(key, values).split("\\|");
    }
}
