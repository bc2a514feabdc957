package io.tunebook.data;

import java.io.Closeable;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** Documents one after the other. Closing twice does nothing. */
interface Cursor extends Closeable {
    /** The next document; null at the end. */
    Document next() throws IOException;

    /** What gives the next document. */
    @FunctionalInterface
    interface Step {
        Document next() throws IOException;
    }

    /** Other documents made from these; closes these. */
    default Cursor with(Step step) {
        Cursor from = this;
        return new Cursor() {
            @Override
            public Document next() throws IOException {
                return step.next();
            }

            @Override
            public void close() throws IOException {
                from.close();
            }
        };
    }

    static Cursor over(Iterator<Document> documents) {
        return new Cursor() {
            @Override
            public Document next() {
                return documents.hasNext() ? documents.next() : null;
            }

            @Override
            public void close() {}
        };
    }

    /** One part after the other, each opened when the one before it has ended. */
    static Cursor chain(Iterator<Corpus.Node> rest, Pass pass) {
        return new Cursor() {
            private Cursor current;

            @Override
            public Document next() throws IOException {
                while (true) {
                    if (current == null) {
                        if (!rest.hasNext()) {
                            return null;
                        }
                        current = rest.next().open(pass);
                    }
                    Document next = current.next();
                    if (next != null) {
                        return next;
                    }
                    close();
                }
            }

            @Override
            public void close() throws IOException {
                if (current != null) {
                    current.close();
                    current = null;
                }
            }
        };
    }

    /**
     * Several parts read at once, a thread each. Threads hand over small batches through a short queue, so that memory
     * stays flat; they end with the cursor, or when it is collected because its reader went away.
     */
    final class ParallelCursor implements Cursor {
        private static final int BATCH_CHARACTERS = 1 << 17;
        private static final Cleaner CLEANER = Cleaner.create();

        private final Work work;
        private final List<Thread> threads = new ArrayList<>();
        private Iterator<Document> batch = List.<Document>of().iterator();

        ParallelCursor(List<Corpus.Node> parts, Pass pass, int most) {
            int workers = Math.min(most, parts.size());
            work = new Work(parts.iterator(), pass, workers);
            Work shared = work;
            CLEANER.register(this, () -> shared.stopped = true);
            for (int i = 0; i < workers; i++) {
                Thread thread = new Thread(shared, "corpus-" + i);
                thread.setDaemon(true);
                threads.add(thread);
                thread.start();
            }
        }

        @Override
        public Document next() throws IOException {
            while (!batch.hasNext()) {
                List<Document> next = work.take();
                if (next == null) {
                    return null;
                }
                batch = next.iterator();
            }
            return batch.next();
        }

        /** Waits until the threads have closed their files: Windows deletes no open ones. */
        @Override
        public void close() throws IOException {
            work.stopped = true;
            try {
                for (Thread thread : threads) {
                    thread.join();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("reading was interrupted", e);
            }
        }

        /** What the threads share. It must not know the cursor. */
        private static final class Work implements Runnable {
            private final Iterator<Corpus.Node> parts;
            private final Pass pass;
            private final BlockingQueue<List<Document>> queue;
            private volatile boolean stopped;
            private volatile int running;
            private volatile Throwable failure;

            Work(Iterator<Corpus.Node> parts, Pass pass, int workers) {
                this.parts = parts;
                this.pass = pass;
                this.queue = new ArrayBlockingQueue<>(Math.max(1, 2 * workers));
                this.running = workers;
            }

            List<Document> take() throws IOException {
                try {
                    while (!stopped) {
                        // Read before the queue: what a thread put there before it ended is then still found.
                        boolean ended = running == 0;
                        List<Document> next = ended ? queue.poll() : queue.poll(20, TimeUnit.MILLISECONDS);
                        if (next != null) {
                            return next;
                        }
                        if (ended) {
                            if (failure != null) {
                                rethrow(failure);
                            }
                            return null;
                        }
                    }
                    return null;
                } catch (InterruptedException e) {
                    stopped = true;
                    Thread.currentThread().interrupt();
                    throw new IOException("reading was interrupted", e);
                }
            }

            private static void rethrow(Throwable failure) throws IOException {
                if (failure instanceof IOException e) {
                    throw e;
                }
                if (failure instanceof Error e) {
                    throw e;
                }
                throw (RuntimeException) failure;
            }

            @Override
            public void run() {
                try {
                    for (Corpus.Node part = nextPart(); part != null; part = nextPart()) {
                        try (Cursor cursor = part.open(pass)) {
                            read(cursor);
                        }
                    }
                } catch (IOException | RuntimeException | Error e) {
                    fail(e);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                } finally {
                    end();
                }
            }

            private void read(Cursor cursor) throws IOException, InterruptedException {
                List<Document> next = new ArrayList<>();
                int characters = 0;
                for (Document d = cursor.next(); d != null && !stopped; d = cursor.next()) {
                    next.add(d);
                    characters += d.content().length() + 64;
                    if (characters >= BATCH_CHARACTERS) {
                        put(next);
                        next = new ArrayList<>();
                        characters = 0;
                    }
                }
                if (!next.isEmpty()) {
                    put(next);
                }
            }

            private void put(List<Document> full) throws InterruptedException {
                boolean taken = false;
                while (!taken && !stopped) {
                    taken = queue.offer(full, 100, TimeUnit.MILLISECONDS);
                }
            }

            private synchronized Corpus.Node nextPart() {
                return !stopped && failure == null && parts.hasNext() ? parts.next() : null;
            }

            private synchronized void fail(Throwable e) {
                if (failure == null) {
                    failure = e;
                }
            }

            private synchronized void end() {
                running--;
            }
        }
    }
}
