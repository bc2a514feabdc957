package io.tunebook.data;

import io.tunebook.data.ChatRow.Columns;
import io.tunebook.data.ChatRow.WrongRow;
import io.tunebook.data.CorpusSummary.FirstDocuments;
import io.tunebook.data.Cursor.ParallelCursor;
import io.tunebook.kernel.display.Display;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import tech.tablesaw.api.Table;

/**
 * Documents from a file, a folder or a glob, read while they are asked for and never all in memory. A corpus is
 * immutable: every method gives another one over the same files, and each pass reads the files again.
 *
 * <p>JSON arrays of documents (as WuDao's {@code part-*.json}), JSON lines, CSV, Parquet and plain text are told apart
 * by content, as are gzip and zstd.
 *
 * <pre>{@code
 * Corpus.open("data/wudao/part-*.json").filter(d -> d.length() > 100).take(1000).show(5);
 * }</pre>
 *
 * A pass that is broken off early, such as a {@code break} in a loop, keeps its file open until the iterator is
 * collected; {@link #forEach}, {@link #stream()} when closed, and {@link #take} close it at once.
 */
public final class Corpus implements Iterable<Document> {
    /** What to do about a broken document or file. */
    public enum OnError {
        /** Throw the {@link CorpusException}. */
        STOP,
        /** Go on at the next document, and report at the end of the pass how many were left out and where. */
        SKIP
    }

    /**
     * The two sides of a split.
     *
     * @param train most of the documents
     * @param heldOut the others
     */
    public record Split(Corpus train, Corpus heldOut) {}

    /**
     * What a pass with {@link OnError#SKIP} left out.
     *
     * @param count how many documents and files
     * @param first where, for the first hundred of them
     */
    public record Problems(long count, List<CorpusException> first) {
        static final int LISTED = 100;

        public Problems {
            first = List.copyOf(first);
        }

        @Override
        public String toString() {
            if (count == 0) {
                return "nothing was left out";
            }
            return listed(
                    count == 1 ? "broken document or file was left out:" : "broken documents or files were left out:");
        }

        private String listed(String what) {
            return count + " " + what
                    + first.stream().limit(10).map(e -> "\n  " + e.getMessage()).collect(Collectors.joining())
                    + (count > 10 ? "\n  … and " + (count - 10) + " more" : "");
        }
    }

    private final Node node;
    private final Pass.Settings settings;
    private final AtomicReference<Problems> last = new AtomicReference<>(new Problems(0, List.of()));

    private Corpus(Node node, Pass.Settings settings) {
        this.node = node;
        this.settings = settings;
    }

    /**
     * The documents of a file or of all files below a folder, in the order of their names. Names that begin with a dot
     * or an underscore are left out.
     *
     * @throws IOException if nothing is there
     */
    public static Corpus open(Path path) throws IOException {
        return new Corpus(new CorpusFiles(path, null).checked(), Pass.Settings.INITIAL);
    }

    /**
     * As {@link #open(Path)}, but {@code *}, <code>**</code>, {@code ?} and <code>{a,b}</code> may stand in the path.
     *
     * @throws IOException if nothing matches
     */
    public static Corpus open(String pathOrGlob) throws IOException {
        return new Corpus(CorpusFiles.of(pathOrGlob).checked(), Pass.Settings.INITIAL);
    }

    /**
     * The files that {@link #open(String)} would read, in their order.
     *
     * @throws IOException if nothing is there
     * @throws CorpusException if a folder cannot be read, or nothing matches
     */
    public static List<Path> list(String pathOrGlob) throws IOException {
        return CorpusFiles.of(pathOrGlob).checked().files(new Pass(Pass.Settings.INITIAL, new AtomicReference<>()));
    }

    /**
     * The documents of these files one after the other. Each path is asked for when its turn comes, in every pass
     * again; that may take time, as when it must be downloaded first.
     */
    public static Corpus files(Iterable<Path> files) {
        return new Corpus(pass -> Cursor.chain(CorpusFiles.each(files.iterator()), pass), Pass.Settings.INITIAL);
    }

    /** A corpus of documents that are in memory already. */
    public static Corpus of(Collection<Document> documents) {
        List<Document> copy = List.copyOf(documents);
        return new Corpus(pass -> Cursor.over(copy.iterator()), Pass.Settings.INITIAL);
    }

    /** What to do about broken documents; {@link OnError#STOP} unless said otherwise. */
    public Corpus onError(OnError onError) {
        return new Corpus(node, settings.with(onError, null));
    }

    /**
     * Goes on after a broken document or file, as {@link OnError#SKIP}, and tells each, none left out, instead of a
     * report at the end.
     *
     * @param problems must be safe for several threads if the corpus is {@link #parallel}
     */
    public Corpus onError(Consumer<? super CorpusException> problems) {
        return new Corpus(node, settings.with(OnError.SKIP, problems));
    }

    /**
     * The encoding of the text files, such as {@code GB18030}; without it UTF-8, or what a byte order mark says.
     *
     * @throws java.nio.charset.UnsupportedCharsetException if Java does not know it
     */
    public Corpus charset(String name) {
        return new Corpus(node, settings.with(Charset.forName(name)));
    }

    /** Shows a bar during each pass: bytes, rate, time left. */
    public Corpus progress() {
        return new Corpus(node, settings.withProgress());
    }

    /**
     * Which of a file's fields hold what. The names known here are {@code content}, {@code title}, {@code id} and
     * {@code dataType} for documents, and for conversations those of {@link ChatExample#read}, such as {@code prompt}
     * and {@code completion}, or {@code messages}. Other fields are left aside, but for {@code tools} and
     * {@code system}.
     *
     * <pre>{@code
     * Corpus.open("firefly.jsonl").columns(Map.of("prompt", "input", "completion", "target"))
     * }</pre>
     *
     * @param names the file's names by those known here; a row that lacks one is broken
     */
    public Corpus columns(Map<String, String> names) {
        return columns(Columns.named(names));
    }

    /**
     * As {@link #columns(Map)}, by a function from a row as the file has it to one with the names known here; null
     * leaves the row out. It must be safe for several threads if the corpus is {@link #parallel}.
     */
    public Corpus columns(Function<Map<String, Object>, Map<String, Object>> change) {
        return columns((Columns) change::apply);
    }

    private Corpus columns(Columns columns) {
        return new Corpus(node, settings.with(columns));
    }

    /** The first documents only. */
    public Corpus take(long count) {
        return new Corpus(Steps.take(node, count), settings);
    }

    /** All documents but the first ones. */
    public Corpus skip(long count) {
        return new Corpus(Steps.skip(node, count), settings);
    }

    /** The documents that fulfil a condition, which must be safe for several threads if {@link #parallel}. */
    public Corpus filter(Predicate<? super Document> condition) {
        return each(document -> condition.test(document) ? document : null);
    }

    /** Each document changed. The function must be safe for several threads if the corpus is {@link #parallel}. */
    public Corpus map(UnaryOperator<Document> change) {
        return each(change);
    }

    /**
     * About this share of the documents, the same ones in each pass and in every order of reading.
     *
     * @param fraction from 0 to 1
     */
    public Corpus sample(double fraction, long seed) {
        return filter(d -> Steps.chance(
                        d.id().hashCode() * 0x9E3779B97F4A7C15L + d.content().hashCode(), seed)
                < fraction);
    }

    /**
     * Two corpora without a common text: documents with the same content fall on the same side, so that no duplicate
     * leaks from one to the other.
     *
     * @param heldOut the share of the held-out side, from 0 to 1
     */
    public Split split(double heldOut, long seed) {
        return new Split(
                filter(d -> Steps.chance(d.content().hashCode(), seed) >= heldOut),
                filter(d -> Steps.chance(d.content().hashCode(), seed) < heldOut));
    }

    /**
     * The files in a random order, and their documents drawn at random from a buffer that is kept full: as random as
     * the buffer is large. The same seed gives the same order.
     *
     * @param buffer how many documents are kept in memory
     * @throws IllegalArgumentException if the buffer is smaller than 1
     */
    public Corpus shuffle(int buffer, long seed) {
        if (buffer < 1) {
            throw new IllegalArgumentException("expected a buffer of at least 1 document, found " + buffer);
        }
        return new Corpus(Steps.shuffle(node, buffer, seed), settings);
    }

    /**
     * Reads several files at once, one thread each; filters and maps that were named before run there too. The order of
     * documents is then that of their arrival.
     *
     * @throws IllegalArgumentException if there is not at least one thread
     */
    public Corpus parallel(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("expected at least 1 thread, found " + threads);
        }
        return new Corpus(pass -> new ParallelCursor(node.parts(pass), pass, threads), settings);
    }

    /** As {@link #parallel(int)} with one thread per processor. */
    public Corpus parallel() {
        return parallel(Runtime.getRuntime().availableProcessors());
    }

    /** Removes and repairs what one does not want to train on; the cleaning counts what each of its steps did. */
    public Corpus clean(Cleaning cleaning) {
        return new Corpus(Steps.clean(node, cleaning), settings);
    }

    /** The documents in lists of this size; the last may be shorter. */
    public Iterable<List<Document>> batches(int size) {
        if (size < 1) {
            throw new IllegalArgumentException("expected batches of at least 1 document, found " + size);
        }
        return () -> {
            Iterator<Document> documents = iterator();
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return documents.hasNext();
                }

                @Override
                public List<Document> next() {
                    List<Document> batch = new ArrayList<>(size);
                    do {
                        batch.add(documents.next());
                    } while (batch.size() < size && documents.hasNext());
                    return batch;
                }
            };
        };
    }

    /**
     * One pass.
     *
     * @throws CorpusException from {@code hasNext} for a broken document, unless {@link OnError#SKIP} was said
     * @throws UncheckedIOException from {@code hasNext} if a file can no longer be read
     */
    @Override
    public Iterator<Document> iterator() {
        return new Pass(settings, last).documents(node);
    }

    /**
     * One pass over rows that are conversations, in the forms that {@link ChatExample#read} knows.
     *
     * @param action given each; an {@link IllegalArgumentException} that it throws is a problem of that row
     * @throws CorpusException if there are problems and {@link OnError#SKIP} was not said; it lists the first ten
     */
    public void forEachChat(Consumer<? super ChatExample> action) {
        Pass pass = Pass.ofChats(settings, last);
        try (Pass.Documents rows = pass.documents(node)) {
            while (rows.hasNext()) {
                Document row = rows.next();
                try {
                    action.accept(ChatRow.read(row.fields()));
                } catch (WrongRow | IllegalArgumentException e) {
                    String place = row.title().isEmpty() ? row.id() : row.title();
                    pass.report(new CorpusException(null, 0, -1, place + ": " + e.getMessage(), e));
                }
            }
        }
        Problems problems = problems();
        if (settings.onError() == OnError.STOP && problems.count() > 0) {
            CorpusException first = problems.first().get(0);
            throw problems.count() == 1 ? first : new CorpusException(first, problems.listed("examples are wrong:"));
        }
    }

    /** One pass as a stream; close it if it may not be read to its end. */
    public Stream<Document> stream() {
        Pass.Documents iterator = new Pass(settings, last).documents(node);
        return StreamSupport.stream(
                        Spliterators.spliteratorUnknownSize(iterator, Spliterator.ORDERED | Spliterator.NONNULL), false)
                .onClose(iterator::close);
    }

    @Override
    public void forEach(Consumer<? super Document> action) {
        try (Stream<Document> documents = stream()) {
            documents.forEachOrdered(action);
        }
    }

    /** How many documents one pass gives. */
    public long count() {
        long[] count = {0};
        forEach(document -> count[0]++);
        return count[0];
    }

    /** The broken documents that the last pass over this corpus left out; one over a corpus made of it has its own. */
    public Problems problems() {
        return last.get();
    }

    /** Shows the first documents: title, kind and the beginning of the text. */
    public void show(int count) {
        Display.display(FirstDocuments.of(this, count).view());
    }

    /** The first documents as a table: {@code id, dataType, title, characters, content}. */
    public Table table(int count) {
        return FirstDocuments.of(this, count).table();
    }

    /** One pass of statistics. */
    public CorpusSummary describe() {
        CorpusSummary.Collector collector = new CorpusSummary.Collector();
        forEach(collector::add);
        return collector.summary();
    }

    /** A step that looks at one document at a time and so can run where the file is read. */
    private Corpus each(UnaryOperator<Document> step) {
        return new Corpus(new Steps.Each(node, step), settings);
    }

    /** Where documents come from. */
    @FunctionalInterface
    interface Node {
        Cursor open(Pass pass) throws IOException;

        /** Pieces that can be read at the same time. */
        default List<Node> parts(Pass pass) throws IOException {
            return List.of(this);
        }
    }
}
