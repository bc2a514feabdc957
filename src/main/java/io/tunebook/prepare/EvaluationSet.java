package io.tunebook.prepare;

import io.tunebook.data.Corpus;
import io.tunebook.data.Document;
import io.tunebook.data.MinHash;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * The runs of words of texts that a model will be measured with, and so must not learn: a document that shares one of
 * them is taken out. 13 words are usual, as in appendix C of <a href="https://arxiv.org/abs/2005.14165">GPT-3</a>; a
 * Chinese character is a word here, case and punctuation do not count.
 */
final class EvaluationSet implements Serializable {
    private static final long serialVersionUID = 1;

    private final int run;
    private final LongOpenHashSet runs = new LongOpenHashSet();
    private final int texts;
    private final int tooShort;

    EvaluationSet(Corpus corpus, int run) {
        if (run < 2) {
            throw new IllegalArgumentException("expected runs of at least 2 words, found " + run);
        }
        this.run = run;
        List<Document> all = new ArrayList<>();
        corpus.forEach(all::add);
        int few = 0;
        for (Document document : all) {
            // A text of fewer words than a run would match everything that begins like it.
            if (MinHash.runs(document.content(), 1).length < run) {
                few++;
            } else {
                for (long hash : MinHash.runs(document.content(), run)) {
                    runs.add(hash);
                }
            }
        }
        texts = all.size();
        tooShort = few;
    }

    boolean isIn(String text) {
        for (long hash : MinHash.runs(text, run)) {
            if (runs.contains(hash)) {
                return true;
            }
        }
        return false;
    }

    /** What it is, for the manifest: two sets of the same runs have the same description. */
    String description() {
        long sum = 0;
        for (long hash : runs) {
            sum += MinHash.mix(hash);
        }
        return texts + " texts (" + tooShort + " of them shorter than a run and not looked for), " + runs.size()
                + " runs of " + run + " words, digest " + Long.toHexString(sum);
    }
}
