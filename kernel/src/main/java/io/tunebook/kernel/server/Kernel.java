package io.tunebook.kernel.server;

import static io.tunebook.kernel.protocol.Channel.CONTROL;
import static io.tunebook.kernel.protocol.Channel.SHELL;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.Channels;
import io.tunebook.kernel.protocol.ConnectionFile;
import io.tunebook.kernel.protocol.Memory;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Transport;
import io.tunebook.kernel.server.Kernel.MessageType.Where;
import io.tunebook.kernel.session.Session;
import io.tunebook.kernel.session.Settings;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A kernel: requests come in, each is answered by the thread that the table of message types names, and no request,
 * whatever it holds, ends that thread.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html">Messaging in Jupyter</a>
 */
public final class Kernel implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Kernel.class.getName());
    private static final Set<Channel> BOTH = Set.of(SHELL, CONTROL);

    private final Starting starting;
    private final Frontends frontends;
    private final Memory memory;
    private final Cells cells;
    private final Map<String, MessageType> types;
    private final Lane shell;
    private final Lane control;
    private final Lane debugger;
    private final Subshells subshells;
    private final ExecutorService aside;
    private final CountDownLatch shutdown = new CountDownLatch(1);
    private final FirstRest rest = new FirstRest();
    private final Succession succession;
    private final Object entrance = new Object();
    private volatile int exitStatus;

    /**
     * Starts the threads of a kernel.
     *
     * @param starting the session, perhaps not yet complete: kernel_info is answered before it is
     * @param history the file that keeps what was run
     * @param group of the kernel's own threads, which cells should not find
     */
    public Kernel(
            Transport transport, CompletableFuture<Session> starting, Path history, ThreadGroup group, Memory memory) {
        this.starting = new Starting(starting);
        this.memory = memory;
        frontends = new Frontends(transport);
        succession = new Succession(transport, group);
        CodeHelp help = new CodeHelp(this.starting);
        History kept = new History(history);
        Cells.DebugMessages debug = new Cells.DebugMessages(this.starting, frontends);
        subshells = new Subshells(this.starting, name -> new Lane(name, group, memory, this::handle));
        cells = new Cells(this.starting, frontends, subshells, help, debug, kept, memory);
        CommMessages comms = new CommMessages(this.starting, frontends, subshells, cells);
        types = Map.ofEntries(
                // Not behind a cell that runs: JupyterLab asks before it makes a subshell for a console.
                Map.entry("kernel_info_request", type(BOTH, Where.AT_ONCE, r -> Replies.KernelInfo.reply())),
                Map.entry("execute_request", type(Set.of(SHELL), Where.WITH_CELLS, cells::execute)),
                Map.entry("complete_request", type(BOTH, Where.ASIDE, help::complete)),
                Map.entry("inspect_request", type(BOTH, Where.ASIDE, help::inspect)),
                Map.entry("is_complete_request", type(BOTH, Where.ASIDE, help::isComplete)),
                Map.entry("history_request", type(BOTH, Where.ITS_CHANNEL, r -> history(kept, r))),
                Map.entry("comm_info_request", type(BOTH, Where.ITS_CHANNEL, comms::info)),
                Map.entry("comm_open", type(BOTH, Where.WITH_CELLS, comms::receive)),
                Map.entry("comm_msg", type(BOTH, Where.WITH_CELLS, comms::receive)),
                Map.entry("comm_close", type(BOTH, Where.WITH_CELLS, comms::receive)),
                Map.entry("interrupt_request", type(Set.of(CONTROL), Where.ITS_CHANNEL, r -> interrupt())),
                Map.entry("shutdown_request", type(BOTH, Where.ITS_CHANNEL, this::shutDown)),
                Map.entry("create_subshell_request", type(Set.of(CONTROL), Where.ITS_CHANNEL, r -> subshells.create())),
                Map.entry("list_subshell_request", type(Set.of(CONTROL), Where.ITS_CHANNEL, r -> subshells.list())),
                Map.entry("delete_subshell_request", type(Set.of(CONTROL), Where.ITS_CHANNEL, subshells::delete)),
                Map.entry("debug_request", type(Set.of(CONTROL), Where.DEBUGGER, debug::answer)));
        shell = new Lane("shell", group, memory, this::handle);
        control = new Lane("control", group, memory, this::handle);
        debugger = new Lane("debugger", group, memory, this::handle);
        aside = Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(group, () -> aside(work), "help");
            thread.setDaemon(true);
            return thread;
        });
        starting.thenAccept(session -> session.evaluator().whenThrown(memory::troubled));
    }

    private static void aside(Runnable work) {
        CellContext.detach();
        work.run();
    }

    private static MessageType type(Set<Channel> channels, Where where, MessageType.Handler handler) {
        return new MessageType(channels, where, handler);
    }

    /**
     * Serves a frontend until it asks for the shutdown, or has died.
     *
     * @param connectionFile as Jupyter writes it
     * @return the exit status of the process
     * @throws IOException if it cannot be read, or an address is taken
     * @throws IllegalArgumentException if it asks for what this kernel refuses
     */
    public static int run(Path connectionFile, Session.SessionOptions options) throws IOException {
        CellContext.detach(); // what the kernel logs belongs under no cell
        ConnectionFile connection = ConnectionFile.read(connectionFile);
        Memory memory = new Memory();
        ThreadGroup group = ownGroup();
        CompletableFuture<Session> starting = new CompletableFuture<>();
        new Thread(() -> start(starting, options), "session").start();
        try (Channels channels = new Channels(connection, group, memory);
                Kernel kernel = new Kernel(channels, starting, Settings.historyFile(), group, memory)) {
            starting.thenAccept(session -> session.magics().restart(jvm -> kernel.succession.prepare(jvm, options)));
            kernel.frontends.publish(
                    Message.object(), "status", Message.object().put("execution_state", "starting"));
            channels.serve(connection, kernel::receive);
            ParentWatch.start(System.getenv("JPY_PARENT_PID"), () -> {
                LOG.log(System.Logger.Level.WARNING, "the kernel ends, since what started it has died");
                kernel.shutdown.countDown();
            });
            kernel.awaitShutdown();
            return kernel.exitStatus;
        } finally {
            for (Path file : connection.files()) {
                Files.deleteIfExists(file);
            }
        }
    }

    private static void start(CompletableFuture<Session> starting, Session.SessionOptions options) {
        try {
            starting.complete(new Session(options));
        } catch (Throwable t) {
            starting.completeExceptionally(t);
        }
    }

    /** Beside that of the cells, so that a cell which interrupts its group leaves the kernel alone. */
    private static ThreadGroup ownGroup() {
        ThreadGroup top = Thread.currentThread().getThreadGroup();
        while (top.getParent() != null) {
            top = top.getParent();
        }
        return new ThreadGroup(top, "kernel");
    }

    /** Waits until a frontend asks for the end. */
    public void awaitShutdown() {
        while (true) {
            try {
                shutdown.await();
                return;
            } catch (InterruptedException e) {
                continue; // by a cell that interrupts every thread it finds
            }
        }
    }

    /** Ends the session, with what its cells left running. */
    @Override
    public void close() {
        shell.close();
        control.close();
        debugger.close();
        subshells.close();
        aside.shutdownNow();
        succession.close();
        if (!succession.hasBegun()) {
            starting.now().ifPresent(Session::close);
        }
    }

    // ---- requests

    /** Takes a message that a frontend sent. It is answered by another thread. */
    public void receive(Channel channel, Message message) {
        synchronized (entrance) {
            if (succession.hasBegun()) {
                succession.handOn(channel, message);
            } else {
                distribute(new Request(channel, message));
            }
        }
    }

    private void distribute(Request request) {
        MessageType type = types.get(request.type());
        Channel channel = request.channel();
        Where where = type == null ? Where.ITS_CHANNEL : type.where();
        if (where == Where.ASIDE) {
            aside.execute(() -> handle(null, request));
        } else if (where == Where.DEBUGGER && type.channels().contains(channel)) {
            debugger.add(request);
        } else if (where == Where.WITH_CELLS && type.channels().contains(channel)) {
            shell(request).add(request);
        } else {
            (channel == CONTROL || where == Where.AT_ONCE ? control : shell(request)).add(request);
        }
    }

    /** The kernel that a cell has started answers from now on, also what has come and waits. */
    private void handOver() {
        try {
            synchronized (entrance) {
                succession.begin(status -> {
                    exitStatus = status;
                    shutdown.countDown();
                });
                for (Lane lane : List.of(shell, control)) {
                    lane.takeWaiting().forEach(r -> succession.handOn(r.channel(), r.message()));
                }
            }
            starting.now().ifPresent(Session::close);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.ERROR, "the kernel with other options cannot be reached", e);
        }
    }

    /** The thread of the subshell that a request names; the main shell's answers what names one that is not there. */
    private Lane shell(Request request) {
        return subshells.lane(request.subshell()).orElse(shell);
    }

    /** @param lane whose thread this is, or null */
    private void handle(Lane lane, Request request) {
        rest.begins();
        persistently(() -> frontends.status(request.message(), "busy"));
        ObjectNode[] reply = {null};
        try {
            reply[0] = answer(request);
        } catch (Throwable t) {
            memory.troubled(t);
            LOG.log(System.Logger.Level.WARNING, request.type() + " failed", t);
            persistently(() -> reply[0] = Replies.internalError(t));
            if (request.type().equals("execute_request") && reply[0] != null) {
                persistently(() -> frontends.publishError(request.message(), reply[0]));
            }
        }
        // Only what has come by now was sent without knowing of the failure: look before the reply leaves.
        List<Request> doomed = lane != null && reply[0] != null && Cells.stopsOthers(request, reply[0])
                ? lane.takeWaiting()
                : List.of();
        if (reply[0] != null && request.type().endsWith("_request")) {
            persistently(() -> frontends.reply(request, reply[0]));
        }
        persistently(() -> frontends.status(request.message(), "idle"));
        memory.answered();
        if (request.type().equals("shutdown_request") && reply[0] != null) {
            shutdown.countDown();
        }
        if (request.type().equals("execute_request")) {
            rest.cellEnded();
            if (succession.isDue()) {
                handOver();
            }
        }
        for (Request next : doomed) {
            if (next.type().equals("execute_request")) {
                persistently(() -> frontends.status(next.message(), "busy"));
                persistently(() -> frontends.reply(next, cells.aborted()));
                persistently(() -> frontends.status(next.message(), "idle"));
            } else {
                handle(lane, next);
            }
        }
    }

    /** Does it twice if memory runs out the first time: a frontend that gets no reply, or no idle, waits for ever. */
    private void persistently(Runnable step) {
        try {
            step.run();
        } catch (OutOfMemoryError e) {
            memory.troubled(e);
            step.run();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "a message cannot be sent", e);
        }
    }

    private ObjectNode answer(Request request) throws Exception {
        MessageType type = types.get(request.type());
        if (type == null) {
            LOG.log(System.Logger.Level.WARNING, "dropped a message of the unknown type " + request.type());
            return null;
        } else if (!type.channels().contains(request.channel())) {
            String error = request.type() + " belongs on " + type.channels() + ", it came on " + request.channel();
            LOG.log(System.Logger.Level.WARNING, error);
            return Replies.error("WrongChannel", error, List.of(error));
        }
        return type.handler().answer(request);
    }

    private static ObjectNode history(History history, Request request) {
        ObjectNode reply = Replies.ok();
        reply.set("history", history.answer(request.content()));
        return reply;
    }

    private ObjectNode interrupt() {
        starting.now().ifPresent(Session::interrupt);
        return Replies.ok();
    }

    private ObjectNode shutDown(Request request) {
        ObjectNode reply =
                Replies.ok().put("restart", request.content().path("restart").asBoolean());
        starting.now().ifPresent(Session::interrupt);
        frontends.publish(request.message().header(), "shutdown_reply", reply);
        return reply;
    }

    /**
     * What the kernel does with messages of one type.
     *
     * @param channels those that may carry it
     * @param where the thread that answers it
     */
    record MessageType(Set<Channel> channels, Where where, Handler handler) {
        /** The threads that answer requests. */
        enum Where {
            /**
             * The thread of the channel that the message came by: shell's waits while a cell runs, control's does not.
             */
            ITS_CHANNEL,
            /**
             * The thread that runs cells, in its turn, whichever channel the message came by: the handler is the user's
             * code.
             */
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

    /**
     * Notices that the program which started this kernel has died: nobody else would ever end the kernel. Jupyter's
     * clients name themselves in the environment, unless the kernel is to outlive them.
     */
    private static final class ParentWatch {
        private ParentWatch() {}

        /**
         * Starts to watch.
         *
         * @param parent the value of {@code JPY_PARENT_PID}, or null if there is none
         * @param gone what is to be done when it has died
         */
        static void start(String parent, Runnable gone) {
            // On Windows the number is a handle of the parent's and no process id.
            if (parent == null || !parent.matches("\\d{1,18}") || File.separatorChar == '\\') {
                return;
            }
            long pid = Long.parseLong(parent);
            Optional<ProcessHandle> process = pid > 1 ? ProcessHandle.of(pid) : Optional.empty();
            // A process that cannot be seen, from within a container for example, may live.
            process.ifPresent(p -> p.onExit().thenRun(gone));
        }
    }
}
