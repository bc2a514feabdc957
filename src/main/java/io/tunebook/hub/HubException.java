package io.tunebook.hub;

import java.io.IOException;
import java.net.ConnectException;
import java.net.http.HttpConnectTimeoutException;

/**
 * A hub that did not give what was asked for. The message says which address was asked, what it said and what to do.
 */
public final class HubException extends IOException {
    /** The HTTP status, or 0 if there was no answer. */
    private final int status;

    HubException(String message, int status, Throwable cause) {
        super(message, cause);
        this.status = status;
    }

    /** Whether there was not even a connection. */
    boolean noConnection() {
        return getCause() instanceof ConnectException || getCause() instanceof HttpConnectTimeoutException;
    }

    /** The HTTP status of the answer; 0 if none came. */
    public int status() {
        return status;
    }
}
