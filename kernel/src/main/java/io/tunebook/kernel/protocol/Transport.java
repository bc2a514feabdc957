package io.tunebook.kernel.protocol;

/**
 * The way messages take from a kernel to its frontends: sockets, or in tests nothing but memory. All methods may be
 * called from any thread.
 */
public interface Transport {
    /** Broadcasts a message on iopub; what may be large waits while too much is on its way. */
    void publish(Message message);

    /** Answers a request on the channel that it came by. */
    void reply(Channel channel, Message reply);

    /**
     * Asks the frontend for a line and waits for it.
     *
     * @param request an {@code input_request}
     * @return the {@code input_reply}, or null if that frontend takes no input
     * @throws InterruptedException if the cell is interrupted meanwhile
     */
    Message ask(Message request) throws InterruptedException;
}
