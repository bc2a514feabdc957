package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.protocol.Channel;
import java.util.Set;

/**
 * What the kernel does with messages of one type.
 *
 * @param channels those that may carry it
 * @param where the thread that answers it
 */
record MessageType(Set<Channel> channels, Where where, Handler handler) {
    /** The threads that answer requests. */
    enum Where {
        /** The thread of the channel that the message came by: shell's waits while a cell runs, control's does not. */
        ITS_CHANNEL,
        /** The thread that runs cells, in its turn, whichever channel the message came by: the handler is the user's code. */
        WITH_CELLS,
        /** Control's thread, whichever channel the message came by: no cell keeps it waiting. */
        AT_ONCE,
        /** A thread beside both, for what needs the session's compiler but must keep nobody waiting. */
        ASIDE,
        /** The debugger's own thread: an evaluation may take long. */
        DEBUGGER
    }

    /** Answers a request. */
    interface Handler {
        /**
         * Answers.
         *
         * @return the reply's content, or null for none
         * @throws Exception what the reply says then
         */
        ObjectNode answer(Request request) throws Exception;
    }
}
