package io.tunebook.kernel.server;

import io.tunebook.kernel.session.Session;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** The session, which may not be complete yet: a kernel says what it is before it is ready for cells. */
record Starting(CompletableFuture<Session> session) {
    /**
     * Waits for the session.
     *
     * @throws java.util.concurrent.CompletionException if it did not start
     */
    Session await() {
        return session.join();
    }

    /** The session, if it is there. */
    Optional<Session> now() {
        return session.isDone() && !session.isCompletedExceptionally() ? Optional.of(session.join()) : Optional.empty();
    }
}
