package io.tunebook.spark;

import io.tunebook.data.Corpus;
import io.tunebook.prepare.PrepareOptions;
import io.tunebook.prepare.QualityRule;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * The job's main class, for {@code spark-submit} or plain Java. Without a master set by Spark it runs in this process
 * on all processors.
 */
public final class PrepareJob {
    private static final String USAGE = """
            usage: PrepareJob INPUT TOKENIZER OUTPUT [option value]...

            INPUT and OUTPUT may be in any of Hadoop's file systems, such as hdfs://…, and s3a://… where hadoop-aws
            is on the class path; INPUT is a file, a folder or a glob. TOKENIZER is a folder, a tokenizer.json or a GGUF file on this machine.

              --length LEAST,MOST      code points of a document
              --languages zh,en        languages to keep
              --quality NAME           gopher, fineweb, dolma or data-juicer
              --evaluation FILE        texts that must not be learned; documents with 13 of their words in a row go
              --similarity 0.8         of near duplicates; 0 keeps them
              --held-out 0.01          share of the documents to measure with
              --sequence 2048          tokens of an example; without it an example is a document
              --shards 100             files to train from
              --seed 42
              --on-error skip          sets broken documents aside
            """;

    private PrepareJob() {}

    /** Runs it. Prints what came of it, and the options that there are where there are too few. */
    public static void main(String[] args) throws IOException {
        if (args.length < 3 || args.length % 2 == 0) {
            System.err.print(USAGE);
            System.exit(2);
        }
        PrepareOptions options = options(List.of(args).subList(3, args.length));
        SparkConf settings = new SparkConf().setAppName("Tunebook: preparation of a corpus");
        if (!settings.contains("spark.master")) {
            settings.setMaster("local[*]");
        }
        if (settings.get("spark.master").startsWith("local")) { // nothing listens beyond this machine
            settings.set("spark.ui.enabled", "false")
                    .set("spark.driver.host", "127.0.0.1")
                    .set("spark.driver.bindAddress", "127.0.0.1");
        }
        try (JavaSparkContext spark = new JavaSparkContext(settings)) {
            long before = System.nanoTime();
            byte[] manifest = SparkPreparation.run(spark, args[0], Path.of(args[1]), options, args[2]);
            System.out.printf(
                    Locale.ROOT,
                    "%s/manifest.json: %,d bytes, after %.1f s%n",
                    args[2],
                    manifest.length,
                    (System.nanoTime() - before) / 1e9);
        }
    }

    static PrepareOptions options(List<String> args) throws IOException {
        PrepareOptions options = PrepareOptions.defaults();
        for (int i = 0; i < args.size(); i += 2) {
            String value = args.get(i + 1);
            options = switch (args.get(i)) {
                case "--length" -> {
                    String[] bounds = value.split(",");
                    yield options.length(Integer.parseInt(bounds[0]), Integer.parseInt(bounds[1]));
                }
                case "--languages" -> options.languages(value.split(","));
                case "--quality" -> options.quality(rules(value));
                case "--evaluation" -> options.evaluation(Corpus.open(value), 13);
                case "--similarity" -> options.distinctNearly(Double.parseDouble(value));
                case "--held-out" -> options.heldOut(Double.parseDouble(value));
                case "--sequence" -> options.sequence(Integer.parseInt(value));
                case "--shards" -> options.shards(Integer.parseInt(value));
                case "--seed" -> options.seed(Long.parseLong(value));
                case "--on-error" -> value.equals("skip") ? options.skipBroken() : options;
                default ->
                    throw new IllegalArgumentException(
                            "expected one of the options, found " + args.get(i) + "\n" + USAGE);
            };
        }
        return options;
    }

    private static List<QualityRule> rules(String name) {
        return switch (name) {
            case "gopher" -> QualityRule.gopher();
            case "fineweb" -> QualityRule.fineWeb();
            case "dolma" -> QualityRule.dolma();
            case "data-juicer" -> QualityRule.dataJuicer();
            default ->
                throw new IllegalArgumentException("expected gopher, fineweb, dolma or data-juicer, found " + name);
        };
    }
}
