package io.tunebook.prepare;

import java.io.Serializable;
import java.util.ArrayList;

/**
 * What became of the documents of one unit.
 *
 * @param documents how many were read
 * @param kept how many are in its {@link PartFile}
 * @param characters their UTF-16 units
 * @param steps what each step did
 * @param examples some of what was removed
 * @param problems what was broken, all of it
 */
public record UnitReport(
        int unit,
        long documents,
        int kept,
        long characters,
        ArrayList<StepCount> steps,
        ArrayList<Removed> examples,
        ArrayList<Problem> problems)
        implements Serializable {
    /**
     * What one step did.
     *
     * @param documents how many came to it
     * @param changed how many it changed
     * @param removed how many it removed
     */
    public record StepCount(String step, long documents, long changed, long removed) implements Serializable {
        StepCount plus(StepCount other) {
            return new StepCount(step, documents + other.documents, changed + other.changed, removed + other.removed);
        }
    }

    /**
     * A document that a step removed.
     *
     * @param where its file and its number in the file, counted from 1
     * @param text its beginning
     * @param like the beginning of the document that it repeats; empty for other steps than those on duplicates
     */
    public record Removed(String step, String where, String text, String like) implements Serializable {}

    /**
     * A document or file that was broken and is set aside.
     *
     * @param line counted from 1; 0 where the format has none
     * @param atByte counted from 0 in the decompressed text as UTF-8; −1 if unknown
     */
    public record Problem(String file, long line, long atByte, String what) implements Serializable {}
}
