/**
 * What notebooks and exercises are checked with ({@code Check}), the course's data wherever they lie
 * ({@code CourseData}), and a server that fails on purpose ({@code ReplayServer}). Knows nothing of the rest of the
 * library.
 */
package io.tunebook.exercise;
