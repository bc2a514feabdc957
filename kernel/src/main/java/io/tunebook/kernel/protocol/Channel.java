package io.tunebook.kernel.protocol;

/** The channels by which frontends send messages. */
public enum Channel {
    SHELL,
    CONTROL,
    STDIN
}
