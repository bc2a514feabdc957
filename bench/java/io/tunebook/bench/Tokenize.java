package io.tunebook.bench;

import io.tunebook.data.Corpus;
import io.tunebook.data.Document;
import io.tunebook.dataset.Dataset;
import io.tunebook.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Our side of data_tokenize.py: prints seconds of reading nothing but tokenizing, then from disk to a file of tokens.
 */
public final class Tokenize {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Path out = Path.of(arguments[1]);
        try (Tokenizer tokenizer = Tokenizer.load(Path.of(arguments[2]))) {
            List<String> texts = new ArrayList<>();
            try (var documents = Corpus.open(folder).stream()) {
                documents
                        .map(Document::content)
                        .limit(Long.parseLong(arguments[3]))
                        .forEach(texts::add);
            }
            tokenizer.ids(texts.subList(0, texts.size() / 20), true);
            long start = System.nanoTime();
            long tokens = 0;
            for (int from = 0; from < texts.size(); from += 1000) {
                for (int[] ids : tokenizer.ids(texts.subList(from, Math.min(from + 1000, texts.size())), true)) {
                    tokens += ids.length;
                }
            }
            System.out.printf("tokenize %.4f %d%n", (System.nanoTime() - start) / 1e9, tokens);
            texts.clear();

            Files.deleteIfExists(out);
            start = System.nanoTime();
            Corpus corpus = Corpus.open(folder);
            Iterable<String> contents =
                    () -> corpus.stream().map(Document::content).iterator();
            Dataset packed = Dataset.text(contents, tokenizer, "bench", out);
            System.out.printf("pack %.4f %d%n", (System.nanoTime() - start) / 1e9, packed.tokens());
        }
    }
}
