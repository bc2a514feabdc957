package io.tunebook.train;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.function.DoublePredicate;

/** What is to know of an argument besides its name and type. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
    /** Its default, as Java prints it; empty for null. */
    String value();

    Range range() default Range.ANY;

    /** Whether another value gives other losses, so that a run does not go on from a checkpoint of one with another value. */
    boolean decidesLosses() default true;

    /** Which numbers an argument may be. */
    enum Range {
        ANY("any value", v -> true),
        POSITIVE("a positive number", v -> v > 0 && Double.isFinite(v)),
        NOT_NEGATIVE("0 or a positive number", v -> v >= 0 && Double.isFinite(v)),
        AT_LEAST_1("at least 1", v -> v >= 1),
        AT_LEAST_2_TOKENS("at least 2 tokens", v -> v >= 2),
        SHARE("a share from 0 to 1", v -> v >= 0 && v <= 1),
        DECAY("from 0 to less than 1", v -> v >= 0 && v < 1);

        private final String words;
        private final DoublePredicate holds;

        Range(String words, DoublePredicate holds) {
            this.words = words;
            this.holds = holds;
        }

        /** @throws IllegalArgumentException if the value is outside; it names the argument, the range and the value */
        void require(String name, Object value) {
            if (this != ANY && !holds.test(((Number) value).doubleValue())) {
                throw new IllegalArgumentException(name + ": expected " + words + ", found " + value);
            }
        }
    }
}
