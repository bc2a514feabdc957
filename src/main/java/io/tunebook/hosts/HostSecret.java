package io.tunebook.hosts;

/**
 * What all hosts of a run know and nobody else. It is a class of its own since a notebook shows a record by its
 * components: whatever shows this one shows {@code (hidden)}.
 */
public final class HostSecret {
    private final String text;

    private HostSecret(String text) {
        this.text = text;
    }

    /**
     * A secret. {@link Hosts} says how long it must be.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static HostSecret of(String text) {
        if (text == null) {
            throw new IllegalArgumentException("secret: expected a text that all hosts know, found none");
        }
        return new HostSecret(text);
    }

    String text() {
        return text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HostSecret secret && text.equals(secret.text);
    }

    /** The same for all: one of the text would tell something of it. */
    @Override
    public int hashCode() {
        return 0;
    }

    @Override
    public String toString() {
        return "(hidden)";
    }
}
