package io.tunebook.bench;

import io.tunebook.data.Corpus;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;

/** Reads a corpus once and prints documents, characters and seconds; run by data_stream.py. */
public final class DataStream {
    public static void main(String[] args) throws Exception {
        Corpus corpus = Corpus.open(Path.of(args[0]));
        int threads = Integer.parseInt(args[1]);
        long[] seen = new long[2];
        long start = System.nanoTime();
        (threads > 1 ? corpus.parallel(threads) : corpus).forEach(document -> {
            seen[0]++;
            seen[1] += document.content().length();
        });
        double seconds = (System.nanoTime() - start) / 1e9;
        double jvm = (System.currentTimeMillis()
                        - ManagementFactory.getRuntimeMXBean().getStartTime())
                / 1e3;
        System.out.printf("%d %d %.3f %.3f%n", seen[0], seen[1], seconds, jvm);
    }
}
