package io.tunebook.kernel.server;

import io.tunebook.kernel.launch.JvmOptions;
import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.ChildKernel;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Transport;
import io.tunebook.kernel.session.Session;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * Another kernel takes the place of this one, with other options of the JVM. This process stays between it and the
 * frontends.
 */
final class Succession implements AutoCloseable {
    private final Transport transport;
    private final ThreadGroup group;
    private volatile Relay prepared;
    private volatile Relay begun;

    Succession(Transport transport, ThreadGroup group) {
        this.transport = transport;
        this.group = group;
    }

    /**
     * Starts the other kernel, and waits until it answers.
     *
     * @param session the user's settings
     * @throws IOException if no JVM starts with these options; it tells what the JVM said
     */
    void prepare(JvmOptions options, Session.SessionOptions session) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(KernelProcess.again(options.command()));
        command.add("kernel");
        if (!session.classPath().isEmpty()) {
            command.addAll(List.of("--class-path", String.join(File.pathSeparator, session.classPath())));
        }
        command.add(ChildKernel.CONNECTION_FILE);
        Map<String, String> environment = Map.of(
                "JPY_PARENT_PID", String.valueOf(ProcessHandle.current().pid()),
                "TUNEBOOK_COMPILER_OPTS", String.join(" ", options.compilerOptions(session.compilerOptions())));
        ChildKernel child =
                new ChildKernel(command, environment, new FileOutputStream(FileDescriptor.err)); // never closed
        try {
            prepared = new Relay(child, transport, group);
        } catch (IOException | InterruptedException e) {
            String said = child.log().strip();
            child.close();
            if (e instanceof IOException && !said.isEmpty()) {
                throw new IOException("no kernel starts with " + options + ": " + said, e);
            }
            throw e;
        }
    }

    /** Whether the other kernel is ready and waits for its turn. */
    boolean isDue() {
        return prepared != null && begun == null;
    }

    /**
     * From now on the other kernel answers.
     *
     * @param ended is told its exit status when it has ended
     */
    void begin(IntConsumer ended) throws IOException {
        prepared.begin(ended);
        begun = prepared;
    }

    /** Whether the other kernel answers. */
    boolean hasBegun() {
        return begun != null;
    }

    /** Hands a message on to the other kernel. */
    void handOn(Channel channel, Message message) {
        begun.forward(channel, message);
    }

    @Override
    public void close() {
        Relay relay = prepared;
        if (relay != null) {
            relay.close();
        }
    }
}
