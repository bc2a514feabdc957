package io.tunebook.exercise;

import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Checks for notebooks and exercises. JShell lets {@code assert} pass silently; these do not: each prints a line with a
 * tick, or ends the cell with what was expected and what was found.
 */
public final class Check {
    private Check() {}

    /**
     * Checks that something holds.
     *
     * @param what the claim, in words
     * @throws AssertionError if it does not
     */
    public static void check(String what, boolean holds) {
        report(what, holds, () -> "expected this to hold, found that it does not");
    }

    /**
     * Checks that something holds, and says what was found where it does not.
     *
     * @param what the claim, in words
     * @param found what the claim is about
     * @throws AssertionError if it does not hold
     */
    public static void check(String what, boolean holds, Object found) {
        report(what, holds, () -> "expected this to hold, found " + show(found));
    }

    /**
     * Checks that two values are equal, arrays by their elements.
     *
     * @param what what the values are, in words
     * @throws AssertionError if they are not
     */
    public static void checkEquals(String what, Object expected, Object found) {
        report(
                what,
                Objects.deepEquals(expected, found),
                () -> show(expected).equals(show(found))
                        ? "expected " + show(expected) + type(expected) + ", found " + show(found) + type(found)
                        : "expected " + show(expected) + ", found " + show(found));
    }

    /**
     * Checks that a number is near another.
     *
     * @param what what the numbers are, in words
     * @param tolerance how far apart they may be
     * @throws AssertionError if they are further apart or not numbers
     */
    public static void checkClose(String what, double expected, double found, double tolerance) {
        report(
                what,
                Math.abs(expected - found) <= tolerance,
                () -> String.format(
                        Locale.ROOT,
                        "expected %s within %s, found %s, %s apart",
                        expected,
                        tolerance,
                        found,
                        Math.abs(expected - found)));
    }

    private static void report(String what, boolean holds, Supplier<String> fault) {
        if (!holds) {
            throw new AssertionError("✗ " + what + ": " + fault.get());
        }
        System.out.println("✓ " + what);
    }

    /** Where both look alike, as the long 1 and the int 1 do, their types tell them apart. */
    private static String type(Object value) {
        return value == null ? "" : " (" + value.getClass().getSimpleName() + ")";
    }

    private static String show(Object value) {
        String text = Arrays.deepToString(new Object[] {value});
        String inner = text.substring(1, text.length() - 1);
        return value instanceof CharSequence ? "\"" + inner + "\"" : inner;
    }
}
