package io.tunebook.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CleaningTest {
    @Test
    void normalizesWithoutSpoilingChinesePunctuation() {
        assertThat(Cleaning.normalized("ＧＰＵ　２０２４，ｒ＝１６！\r\nCafe\u0301\u200b \t\n\n\n\nend\u0000\u00a0"))
                .isEqualTo("GPU　2024，r=16！\nCafé\n\nend");
    }

    @Property(tries = 1000)
    void whatIsLeftOutForSpeedChangesNothing(@ForAll("mixed") String text) {
        String s = text.replaceAll("\\r\\n?|\u2028|\u2029", "\n")
                .replaceAll("[\\p{Cc}&&[^\\n\\t]]|[\u200B\u2060\uFEFF\u00AD\uFFFD]", "");
        s = java.util.regex.Pattern.compile("[\uFF01-\uFF5E&&[^！（），：；？～]]")
                .matcher(Normalizer.normalize(s, Normalizer.Form.NFC))
                .replaceAll(m -> String.valueOf((char) (m.group().charAt(0) - 0xFEE0)));
        s = s.replaceAll("[ \t\u00A0\u3000]+(?=\n|\\z)", "")
                .replaceAll("\n{3,}", "\n\n")
                .strip();
        assertThat(Cleaning.normalized(text)).isEqualTo(s);
    }

    @Provide
    Arbitrary<String> mixed() {
        return Arbitraries.strings()
                .withChars("ab京。 \u3000\u00a0\t\n\n\n\r\u2028\u200b\u00adé\u0301\u212bＡ！か\u3099\u0085\u2026\u302a한")
                .ofMaxLength(12);
    }

    @Property(tries = 300)
    void normalizingTwiceIsNormalizingOnce(@ForAll String text) {
        String once = Cleaning.normalized(text);
        assertThat(Cleaning.normalized(once)).isEqualTo(once);
        assertThat(Normalizer.isNormalized(once, Normalizer.Form.NFC)).isTrue();
    }

    @Test
    void cleansTheTutorialsCorpusAndCountsEachStep() throws Exception {
        Cleaning cleaning = Cleaning.steps()
                .normalize()
                .length(50, 10_000)
                .languages("zh", "en")
                .distinct()
                .distinctNearly(0.7);
        Corpus clean = Corpus.open(Path.of("../notebooks/data/wudao")).clean(cleaning);
        assertThat(clean.count()).isEqualTo(37);
        assertThat(clean.count()).isEqualTo(37);
        assertThat(cleaning.counts())
                .containsExactly(
                        new Cleaning.Count("normalize", 40, 1, 0),
                        new Cleaning.Count("length 50 to 10000", 40, 0, 1),
                        new Cleaning.Count("language zh, en", 39, 0, 0),
                        new Cleaning.Count("exact duplicates", 39, 0, 1),
                        new Cleaning.Count("near duplicates, 0.7", 38, 0, 1));
        assertThat(cleaning.report().rowCount()).isEqualTo(5);
    }

    /** The share of pairs that fall into one bucket follows 1 − (1 − s^r)^b, with s the true Jaccard similarity. */
    @ParameterizedTest
    @ValueSource(doubles = {0.6, 0.75, 0.9})
    void nearDuplicatesAreFoundAsOftenAsTheTheoryOfMinHashSays(double similarity) {
        Random random = new Random(1);
        int rows = 11;
        int bands = 11;
        double expected = 0;
        int found = 0;
        int pairs = 300;
        for (int p = 0; p < pairs; p++) {
            List<String> words = new ArrayList<>();
            for (int i = 0; i < 400; i++) {
                words.add("w" + random.nextInt(1_000_000));
            }
            String text = String.join(" ", words);
            int changed = (int) Math.round((1 - similarity) / (1 + similarity) * 396 / 5);
            for (int c = 0; c < changed; c++) {
                words.set(2 + c * 5 % 396, "x" + random.nextInt(1_000_000));
            }
            String other = String.join(" ", words);
            double s = jaccard(text, other);
            expected += 1 - Math.pow(1 - Math.pow(s, rows), bands);
            MinHash seen = new MinHash(0.8);
            seen.add(text);
            found += seen.add(other) ? 0 : 1;
        }
        assertThat(found / (double) pairs).isCloseTo(expected / pairs, within(0.1));
    }

    private static double jaccard(String a, String b) {
        Set<Long> left = LongStream.of(MinHash.shingles(a)).boxed().collect(Collectors.toSet());
        Set<Long> right = LongStream.of(MinHash.shingles(b)).boxed().collect(Collectors.toSet());
        Set<Long> both = new HashSet<>(left);
        both.retainAll(right);
        return (double) both.size() / (left.size() + right.size() - both.size());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "zh | 潮汐是怎么来的，GPU 也不知道。",
                "ja | 今日はとても良い天気ですね。",
                "ko | 오늘은 날씨가 좋습니다.",
                "ru | Сегодня хорошая погода.",
                "en | The weather is fine today, and it is warm.",
                "de | Das Wetter ist heute nicht schlecht, und die Sonne scheint.",
                "fr | Le temps est beau et les oiseaux chantent dans la forêt.",
                "es | El tiempo es bueno y los pájaros cantan en el bosque.",
                "und | 12345 !!!"
            })
    void guessesLanguages(String language, String text) {
        assertThat(Language.of(text)).isEqualTo(language);
    }
}
