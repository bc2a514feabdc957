package io.tunebook.kernel.zmtp;

import java.io.IOException;

/** A peer does what it may not; its connection is closed. */
public final class ProtocolException extends IOException {
    private static final long serialVersionUID = 1;

    public ProtocolException(String message) {
        super(message);
    }
}
