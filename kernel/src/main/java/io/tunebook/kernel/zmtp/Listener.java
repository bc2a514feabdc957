package io.tunebook.kernel.zmtp;

import java.util.List;
import java.util.Set;

/**
 * What listens at an address.
 *
 * @param socketType as ZeroMQ names it: {@code ROUTER} or {@code XPUB}
 * @param peers the kinds of sockets that may connect
 * @param largest bytes of a message at most, if that is less than the budget says
 */
public record Listener(String socketType, Set<String> peers, long largest, Handler handler) {
    /** Called by the one thread of input and output, so it must not wait for anything. */
    public interface Handler {
        /** The handshake is done. */
        default void connected(Peer peer) {}

        /**
         * A message came.
         *
         * @throws ProtocolException if the connection is to be closed for it
         */
        void message(Peer peer, List<byte[]> frames) throws ProtocolException;

        /** Something of what waited has been written. */
        default void drained(Peer peer) {}

        /**
         * The connection has ended.
         *
         * @param reason why this side ended it, or null if the peer did
         */
        default void closed(Peer peer, String reason) {}
    }
}
