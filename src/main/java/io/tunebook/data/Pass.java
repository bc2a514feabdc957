package io.tunebook.data;

import io.tunebook.data.ChatRow.Columns;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * One reading of a corpus from its beginning: its settings, what was read so far and what was left out. Any thread may
 * report to it.
 */
final class Pass {
    /**
     * What holds for every pass over a corpus.
     *
     * @param charset null for the encoding that the files' bytes speak for
     * @param columns other names of a row's fields; null for those of the file
     * @param problems told each problem that is left out; null for a report at the end
     */
    record Settings(
            Corpus.OnError onError,
            Charset charset,
            boolean progress,
            Columns columns,
            Consumer<? super CorpusException> problems) {
        static final Settings INITIAL = new Settings(Corpus.OnError.STOP, null, false, null, null);

        Settings with(Corpus.OnError other, Consumer<? super CorpusException> told) {
            return new Settings(other, charset, progress, columns, told);
        }

        Settings with(Charset other) {
            return new Settings(onError, other, progress, columns, problems);
        }

        Settings with(Columns other) {
            return new Settings(onError, charset, progress, other, problems);
        }

        Settings withProgress() {
            return new Settings(onError, charset, true, columns, problems);
        }
    }

    private final Settings settings;
    private final AtomicReference<Corpus.Problems> last;
    private final boolean chats;
    private final AtomicLong bytes = new AtomicLong();
    private final List<CorpusException> first = new ArrayList<>();
    private long problems;
    private long totalBytes;

    /** A pass whose problems {@code last} is told at its end. */
    Pass(Settings settings, AtomicReference<Corpus.Problems> last) {
        this(settings, last, false);
    }

    private Pass(Settings settings, AtomicReference<Corpus.Problems> last, boolean chats) {
        this.settings = settings;
        this.last = last;
        this.chats = chats;
    }

    /**
     * A pass whose rows are conversations. It gathers all problems, and where they are errors they are for the caller
     * to throw.
     */
    static Pass ofChats(Settings settings, AtomicReference<Corpus.Problems> last) {
        return new Pass(settings, last, true);
    }

    boolean chats() {
        return chats;
    }

    Columns columns() {
        return settings.columns();
    }

    Charset charset() {
        return settings.charset();
    }

    boolean wantsTotal() {
        return settings.progress();
    }

    /** So many bytes more will be read. */
    synchronized void expect(long more) {
        totalBytes += more;
    }

    void read(long more) {
        bytes.addAndGet(more);
    }

    /** Throws the problem or notes it down, as the settings say. */
    synchronized void report(CorpusException problem) {
        if (settings.onError() == Corpus.OnError.STOP && !chats) {
            throw problem;
        }
        problems++;
        if (settings.problems() != null) {
            settings.problems().accept(problem);
        }
        if (first.size() < Corpus.Problems.LISTED) {
            first.add(problem);
        }
    }

    private synchronized void end() {
        Corpus.Problems all = new Corpus.Problems(problems, first);
        last.set(all);
        if (problems > 0 && settings.onError() == Corpus.OnError.SKIP && settings.problems() == null) {
            Display.display(MimeBundle.of(MimeBundle.TEXT, all.toString()));
        }
    }

    /** The documents of this pass. Closes itself at the end and at an error. */
    Documents documents(Corpus.Node node) {
        return new Documents(node);
    }

    /** An iterator that can be closed before its end. */
    final class Documents implements Iterator<Document>, AutoCloseable {
        private final Corpus.Node node;
        private Cursor cursor;
        private Progress bar;
        private Document next;
        private boolean closed;
        private long started;
        private long count;

        private Documents(Corpus.Node node) {
            this.node = node;
        }

        @Override
        public boolean hasNext() {
            if (next == null && !closed) {
                try {
                    if (cursor == null) {
                        cursor = node.open(Pass.this);
                    }
                    next = cursor.next();
                } catch (IOException e) {
                    close();
                    throw new UncheckedIOException(e.getMessage(), e);
                } catch (RuntimeException | Error e) {
                    close();
                    throw e;
                }
                if (next == null) {
                    close();
                } else if (settings.progress()) {
                    progress();
                }
            }
            return next != null;
        }

        @Override
        public Document next() {
            if (!hasNext()) {
                throw new NoSuchElementException("the corpus has no more documents");
            }
            Document document = next;
            next = null;
            count++;
            return document;
        }

        private void progress() {
            if (bar == null) {
                started = System.nanoTime();
                bar = Display.progress(totalBytes, "bytes");
            }
            if ((count & 0xff) == 0) {
                draw();
            }
        }

        private void draw() {
            double seconds = Math.max(1e-9, (System.nanoTime() - started) / 1e9);
            bar.message(String.format(Locale.ROOT, "%.1f MB/s, %,d documents", bytes.get() / 1e6 / seconds, count));
            bar.at(bytes.get());
        }

        @Override
        public void close() {
            if (closed) {
                return;
            }
            closed = true;
            try {
                if (cursor != null) {
                    cursor.close();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } finally {
                if (bar != null) {
                    draw();
                    bar.close();
                }
                end();
            }
        }
    }
}
