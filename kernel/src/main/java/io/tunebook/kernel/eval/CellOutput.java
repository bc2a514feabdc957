package io.tunebook.kernel.eval;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What a cell prints, gathered into few messages: one when the buffer is full, one when it has waited 50 ms, one when
 * the stream changes, one when the cell ends. Past the limit the rest is dropped, with a notice.
 */
public final class CellOutput {
    private static final int BUFFER = 16 * 1024;
    private static final long WAIT = 50; // ms
    /** A thread for the outputs of all cells; it only tells them that they have waited long enough. */
    private static final ScheduledExecutorService CLOCK = Executors.newSingleThreadScheduledExecutor(r -> {
        Thread t = new Thread(r, "output");
        t.setDaemon(true);
        return t;
    });

    /** Receives text of either stream, in order, from any thread. It may block, which slows the printing cell down. */
    public interface Listener {
        void text(boolean error, String text);
    }

    /** The JVM has one pair of streams. */
    private static final Streams PROCESS = new Streams();

    private final Listener listener;
    private final long limit;
    private final ByteBuffer bytes = ByteBuffer.allocate(BUFFER);
    private final CharBuffer chars = CharBuffer.allocate(BUFFER);
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private boolean error;
    private boolean scheduled;
    private long written;

    /** @param limit how many bytes are let through in all */
    public CellOutput(Listener listener, long limit) {
        this.listener = Objects.requireNonNull(listener);
        this.limit = limit;
    }

    public synchronized void write(boolean toError, byte[] from, int offset, int length) {
        if (written > limit) {
            return;
        }
        written += length;
        if (written > limit) {
            flush();
            listener.text(
                    true,
                    "\n[The output is cut here: it is longer than " + limit
                            + " bytes. The cell goes on. TUNEBOOK_OUTPUT_LIMIT sets another limit.]\n");
            return;
        }
        if (toError != error) {
            flush();
            error = toError;
        }
        for (int at = offset, end = offset + length; at < end; ) {
            int n = Math.min(bytes.remaining(), end - at);
            bytes.put(from, at, n);
            at += n;
            if (!bytes.hasRemaining()) {
                flush();
            }
        }
        if (!scheduled && bytes.position() > 0) {
            scheduled = true;
            CLOCK.schedule(this::flush, WAIT, TimeUnit.MILLISECONDS);
        }
    }

    /** Sends what is there, but for the bytes of a character that is not complete. */
    public synchronized void flush() {
        scheduled = false;
        bytes.flip();
        decoder.decode(bytes, chars, false);
        bytes.compact();
        chars.flip();
        if (chars.hasRemaining()) {
            String text = chars.toString();
            chars.clear();
            listener.text(error, CellNames.clean(text));
        } else {
            chars.clear();
        }
    }

    /**
     * From now on, what threads of cells print goes to their cell, and {@code System.in} asks the frontend. The streams
     * are the process's: they are routed once, for all its sessions, each by the cell that the thread works for.
     *
     * @return ends it, when the last session has ended
     */
    public static Runnable capture() {
        return PROCESS.route();
    }

    /** The process's streams and how many sessions have them routed. */
    private static final class Streams {
        private int sessions;
        private PrintStream out;
        private PrintStream err;
        private InputStream in;

        synchronized Runnable route() {
            if (sessions++ == 0) {
                out = System.out;
                err = System.err;
                in = System.in;
                System.setOut(new PrintStream(new Routed(false, out), false, StandardCharsets.UTF_8));
                System.setErr(new PrintStream(new Routed(true, err), false, StandardCharsets.UTF_8));
                System.setIn(new Asking());
            }
            AtomicBoolean ended = new AtomicBoolean();
            return () -> {
                if (ended.compareAndSet(false, true)) {
                    release();
                }
            };
        }

        private synchronized void release() {
            if (--sessions == 0) {
                System.setOut(out);
                System.setErr(err);
                System.setIn(in);
            }
        }
    }

    private static final class Routed extends OutputStream {
        private final boolean error;
        private final PrintStream otherwise;

        Routed(boolean error, PrintStream otherwise) {
            this.error = error;
            this.otherwise = otherwise;
        }

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] b, int offset, int length) {
            CellContext cell = CellContext.current();
            if (cell == null) {
                otherwise.write(b, offset, length);
            } else {
                cell.output().write(error, b, offset, length);
            }
        }

        @Override
        public void flush() {
            // PrintStream flushes after every line; the buffer decides when a message goes
        }
    }

    private static final class Asking extends InputStream {
        private byte[] line = new byte[0];
        private int at;

        @Override
        public synchronized int read() throws IOException {
            return fill() ? line[at++] & 0xff : -1;
        }

        @Override
        public synchronized int read(byte[] to, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, to.length);
            if (length == 0) {
                return 0;
            }
            if (!fill()) {
                return -1;
            }
            int n = Math.min(length, line.length - at);
            System.arraycopy(line, at, to, offset, n);
            at += n;
            return n;
        }

        @Override
        public synchronized int available() {
            return line.length - at;
        }

        private boolean fill() {
            if (at < line.length) {
                return true;
            }
            CellContext cell = CellContext.current();
            String answer = cell == null ? null : cell.display().ask("", false);
            if (answer == null) {
                return false;
            }
            line = (answer + "\n").getBytes(StandardCharsets.UTF_8);
            at = 0;
            return true;
        }
    }
}
