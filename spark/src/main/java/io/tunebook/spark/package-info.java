/**
 * The preparation of a corpus as a job of Apache Spark: the same classes as on one machine, and the same bytes. Files lie
 * in any file system that Hadoop knows.
 */
package io.tunebook.spark;
