package io.tunebook.bench;

import io.tunebook.data.Cleaning;
import io.tunebook.data.Corpus;
import io.tunebook.prepare.NearDuplicateCheck;
import io.tunebook.prepare.Preparation;
import io.tunebook.prepare.PrepareOptions;
import io.tunebook.prepare.PreparedCorpus;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import tech.tablesaw.api.Row;

/**
 * Our side of {@code scale.py}: {@code INPUT MODEL OUTPUT SHARDS} prepares, {@code INPUT MODEL} checks the near
 * duplicates.
 */
public final class ScalePrepare {
    private ScalePrepare() {}

    public static void main(String[] args) throws IOException {
        PrepareOptions options = PrepareOptions.defaults()
                .length(20, 100_000)
                .memory(Runtime.getRuntime().maxMemory() * 2 / 5);
        if (args.length == 2) {
            List<Path> first;
            try (Stream<Path> files = Files.list(Path.of(args[0]))) {
                first = files.sorted().limit(1).toList();
            }
            System.out.println(NearDuplicateCheck.of(
                    Corpus.files(first).clean(Cleaning.steps().normalize()), options.similarity(), 200, 1));
            return;
        }
        try (Tokenizer tokenizer = Tokenizer.load(Path.of(args[1]))) {
            PreparedCorpus prepared =
                    Preparation.run(args[0], tokenizer, options.shards(Integer.parseInt(args[3])), Path.of(args[2]));
            double documents = prepared.manifest().path("documents").asDouble();
            for (Row row : prepared.times()) {
                System.out.printf(
                        "Tunebook: %s: %,.0f documents/s, heap at most %.2f GB%n",
                        row.getString("step"),
                        documents / row.getDouble("seconds"),
                        row.getLong("peak heap, bytes") / 1e9);
            }
            System.out.println(prepared);
        }
    }
}
