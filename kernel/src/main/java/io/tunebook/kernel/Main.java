package io.tunebook.kernel;

import io.tunebook.kernel.protocol.Channels;
import io.tunebook.kernel.protocol.ConnectionFile;
import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The jar's commands: a kernel for a connection file, the installer, the headless runner. */
public final class Main {
    public static final String VERSION = "0.1.0";

    private static final String USAGE = """
            Usage: java -jar tunebook-kernel.jar COMMAND

              kernel CONNECTION_FILE     serve a frontend; Jupyter does this
            """;

    private Main() {}

    public static void main(String[] args) throws Exception {
        List<String> rest = args.length == 0 ? List.of() : List.of(args).subList(1, args.length);
        switch (args.length == 0 ? "--help" : args[0]) {
            case "kernel" -> {
                if (rest.size() != 1) {
                    System.err.print(USAGE);
                    System.exit(2);
                }
                System.exit(serve(Path.of(rest.get(0))));
            }
            case "--version" -> System.out.println(VERSION);
            case "--help", "-h" -> System.out.print(USAGE);
            default -> {
                System.err.print(USAGE);
                System.exit(2);
            }
        }
    }

    private static int serve(Path connectionFile) throws IOException {
        ConnectionFile connection;
        try {
            connection = ConnectionFile.read(connectionFile);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            return 2;
        }
        String id = Kernel.newId();
        Channels channels = new Channels(connection, id);
        Session session = new Session(Settings.fromEnvironment());
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
        return 0;
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
