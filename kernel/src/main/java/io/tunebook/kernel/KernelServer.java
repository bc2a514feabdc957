package io.tunebook.kernel;

import io.tunebook.kernel.Session.SessionOptions;
import io.tunebook.kernel.protocol.Channels;
import io.tunebook.kernel.protocol.ConnectionFile;
import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** A kernel on its sockets, from the connection file to the end of the process. */
final class KernelServer {
    private KernelServer() {}

    /**
     * Serves until a frontend asks it to end, which ends the process.
     *
     * @throws IOException if the connection file cannot be read
     * @throws IllegalArgumentException if it asks for what this kernel refuses
     */
    static void serve(Path connectionFile, SessionOptions options) throws IOException, InterruptedException {
        ConnectionFile connection = ConnectionFile.read(connectionFile);
        String id = Kernel.newId();
        Channels channels = new Channels(connection, id);
        Session session = new Session(options);
        Kernel kernel = new Kernel(
                new Kernel.Transport() {
                    @Override
                    public void publish(Message message) {
                        channels.publish(message);
                    }

                    @Override
                    public Message ask(Message request) throws InterruptedException {
                        return channels.ask(request);
                    }

                    @Override
                    public Optional<Message> pending() {
                        return channels.pending();
                    }
                },
                session,
                new History(Settings.historyFile()),
                id);
        kernel.starting();
        channels.serveControl(request -> {
            if (kernel.control(request, channels::replyControl)) {
                end(channels);
            }
        });
        channels.serveShell(request -> {
            kernel.shell(request, channels::replyShell);
            if (request.type().equals("shutdown_request")) {
                end(channels);
            }
        });
        // The process ends in end(), once the last reply has gone out.
        Thread.currentThread().join();
    }

    /** A cell may still run, and threads of the user's: nobody waits for them. */
    private static void end(Channels channels) {
        Thread last = new Thread(() -> {
            channels.close();
            try {
                Thread.sleep(200); // the reply is on its way through ZeroMQ's own thread
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(0);
        });
        last.start();
    }
}
