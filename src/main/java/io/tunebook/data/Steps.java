package io.tunebook.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;

/** What {@link Corpus}'s steps do with the documents that come to them. */
final class Steps {
    private Steps() {}

    /** The first documents; then what they come from is closed. */
    static Corpus.Node take(Corpus.Node node, long count) {
        return pass -> {
            Cursor from = node.open(pass);
            return new Cursor() {
                private long left = count;

                @Override
                public Document next() throws IOException {
                    Document next = left-- > 0 ? from.next() : null;
                    if (left <= 0) {
                        from.close();
                    }
                    return next;
                }

                @Override
                public void close() throws IOException {
                    from.close();
                }
            };
        };
    }

    /** All but the first documents. */
    static Corpus.Node skip(Corpus.Node node, long count) {
        return pass -> {
            Cursor from = node.open(pass);
            long[] left = {count};
            return from.with(() -> {
                for (; left[0] > 0; left[0]--) {
                    if (from.next() == null) {
                        return null;
                    }
                }
                return from.next();
            });
        };
    }

    /** The parts in a random order, their documents drawn at random from a buffer that is kept full. */
    static Corpus.Node shuffle(Corpus.Node node, int buffer, long seed) {
        return pass -> {
            SplittableRandom random = new SplittableRandom(seed);
            List<Corpus.Node> parts = new ArrayList<>(node.parts(pass));
            for (int i = parts.size() - 1; i > 0; i--) {
                Collections.swap(parts, i, random.nextInt(i + 1));
            }
            Cursor from = Cursor.chain(parts.iterator(), pass);
            List<Document> held = new ArrayList<>();
            return from.with(() -> {
                while (held.size() < buffer) {
                    Document next = from.next();
                    if (next == null) {
                        break;
                    }
                    held.add(next);
                }
                if (held.isEmpty()) {
                    return null;
                }
                int drawn = random.nextInt(held.size());
                Document document = held.get(drawn);
                Document last = held.remove(held.size() - 1);
                if (drawn < held.size()) {
                    held.set(drawn, last);
                }
                return document;
            });
        };
    }

    /** One run of a cleaning over all of them. */
    static Corpus.Node clean(Corpus.Node node, Cleaning cleaning) {
        return pass -> {
            Cursor from = node.open(pass);
            Cleaning.PassSteps run = cleaning.begin();
            return from.with(() -> firstChanged(from, run::apply));
        };
    }

    /** Even numbers in [0, 1) from a hash. */
    static double chance(long hash, long seed) {
        return new SplittableRandom(hash * 0xBF58476D1CE4E5B9L ^ seed).nextDouble();
    }

    private static Document firstChanged(Cursor from, UnaryOperator<Document> change) throws IOException {
        for (Document next = from.next(); next != null; next = from.next()) {
            Document changed = change.apply(next);
            if (changed != null) {
                return changed;
            }
        }
        return null;
    }

    /** Looks at one document at a time and so can run where the file is read; what it makes null is left out. */
    record Each(Corpus.Node from, UnaryOperator<Document> step) implements Corpus.Node {
        @Override
        public Cursor open(Pass pass) throws IOException {
            Cursor cursor = from.open(pass);
            return cursor.with(() -> firstChanged(cursor, step));
        }

        @Override
        public List<Corpus.Node> parts(Pass pass) throws IOException {
            return from.parts(pass).stream()
                    .<Corpus.Node>map(p -> new Each(p, step))
                    .toList();
        }
    }
}
