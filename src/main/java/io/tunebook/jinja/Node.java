package io.tunebook.jinja;

/** A piece of a template, with the place where it begins. */
sealed interface Node permits Expression, Statement {
    /** A line from 1 and a column in characters from 1. */
    record Place(int line, int column) {}

    Place place();

    default int line() {
        return place().line();
    }

    default int column() {
        return place().column();
    }
}
