/**
 * The preparation of a corpus as a job of Apache Spark: the same classes as on one machine, and the same bytes. Files
 * lie in any file system that Hadoop knows. Knows nothing of models and of training.
 *
 * <p>In order: {@code PrepareJob} is the main class; {@code SparkPreparation} makes the tasks; {@code HadoopFolder} has
 * their files.
 */
package io.tunebook.spark;
