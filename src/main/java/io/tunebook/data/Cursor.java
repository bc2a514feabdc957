package io.tunebook.data;

import java.io.Closeable;
import java.io.IOException;
import java.util.Iterator;

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
}
