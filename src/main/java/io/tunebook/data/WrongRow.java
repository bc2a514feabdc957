package io.tunebook.data;

/** Says where in a row something is wrong, and what. */
final class WrongRow extends Exception {
    private static final long serialVersionUID = 1;

    WrongRow(String where, String what) {
        super(where.isEmpty() ? what : where + ": " + what);
    }
}
