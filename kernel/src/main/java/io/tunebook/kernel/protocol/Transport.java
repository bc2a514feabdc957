package io.tunebook.kernel.protocol;

import java.util.Optional;

/** The way messages take between a kernel and its frontends: sockets, or in tests nothing but memory. */
public interface Transport {
    /** Broadcasts a message on iopub; waits while too many are on their way. */
    void publish(Message message);

    /** Answers on the shell channel. Called from the shell's thread only. */
    void replyShell(Message reply);

    /** Answers on the control channel. Called from control's thread only. */
    void replyControl(Message reply);

    /** The next of the shell's messages that have come already, for those who abort them. Called from the shell's thread only. */
    Optional<Message> pending();

    /**
     * Asks the frontend for a line and waits for it.
     *
     * @param request an {@code input_request}
     * @return the {@code input_reply}
     * @throws InterruptedException if the cell is interrupted meanwhile
     */
    Message ask(Message request) throws InterruptedException;
}
