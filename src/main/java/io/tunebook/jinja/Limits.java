package io.tunebook.jinja;

/**
 * What a rendering may use, so that a template from elsewhere cannot fill the memory or run for ever.
 *
 * @param steps nodes evaluated and elements looped over or collected
 * @param characters characters of all texts that are made on the way, the output among them
 * @param depth expressions, statements and calls within one another
 */
record Limits(long steps, long characters, int depth) {
    /** About a second of work, 256 MiB of text; Python's own limit of depth is about the same. */
    static final Limits DEFAULT = new Limits(50_000_000, 1L << 28, 1000);

    /** The deepest nesting that is parsed: CPython, which Jinja compiles to, has the same limit for parentheses. */
    static final int PARSED_DEPTH = 200;
}
