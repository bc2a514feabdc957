package io.tunebook.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.prepare.Preparation;
import io.tunebook.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Input and output in HDFS: a name node and two data nodes on loopback. */
@Tag("nightly")
final class HdfsTest {
    @TempDir
    Path folder;

    @Test
    void theBytesInHdfsAreThoseOfOneMachine() throws Exception {
        SparkPreparationTest.requireAJavaThatSparkRunsOn();
        Path in = SparkPreparationTest.input(folder.resolve("in"), 3);
        Path one = folder.resolve("one");
        try (Tokenizer tokenizer = Tokenizer.load(SparkPreparationTest.TOKENIZER)) {
            Preparation.run(in.toString(), tokenizer, SparkPreparationTest.OPTIONS, one);
        }
        Configuration configuration = new Configuration();
        configuration.set(
                MiniDFSCluster.HDFS_MINIDFS_BASEDIR, folder.resolve("hdfs").toString());
        try (MiniDFSCluster hdfs = new MiniDFSCluster.Builder(configuration)
                        .numDataNodes(2)
                        .build();
                FileSystem system = hdfs.getFileSystem()) {
            hdfs.waitActive();
            org.apache.hadoop.fs.Path there = new org.apache.hadoop.fs.Path("/wudao");
            system.copyFromLocalFile(new org.apache.hadoop.fs.Path(in.toUri()), there);
            try (JavaSparkContext spark = new JavaSparkContext(new SparkConf()
                    .setMaster("local[2]")
                    .setAppName("HDFS test")
                    .set("spark.ui.enabled", "false")
                    .set("spark.driver.host", "127.0.0.1")
                    .set("spark.driver.bindAddress", "127.0.0.1"))) {
                SparkPreparation.run(
                        spark,
                        hdfs.getURI() + "/wudao/part-*.jsonl",
                        SparkPreparationTest.TOKENIZER,
                        SparkPreparationTest.OPTIONS,
                        hdfs.getURI() + "/prepared");
            }
            Path back = Files.createDirectories(folder.resolve("back"));
            system.copyToLocalFile(
                    false,
                    new org.apache.hadoop.fs.Path("/prepared"),
                    new org.apache.hadoop.fs.Path(back.toUri()),
                    true);
            assertThat(SparkPreparationTest.files(back.resolve("prepared")))
                    .isEqualTo(SparkPreparationTest.files(one))
                    .hasSize(5);
        }
    }
}
