package io.tunebook.hub;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.DisplaySink;
import io.tunebook.kernel.display.MimeBundle;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a person sees while a repository or a file is fetched: one bar of bytes, which ends full. */
final class HubProgressTest {
    private static final int WEIGHTS = 300_000;
    private static final int NOTES = 5;
    private static final Pattern TEXT = Pattern.compile("(\\S+): ([\\d,]+) of ([\\d,]+) in .*");

    @TempDir
    Path cache;

    /** Keeps the texts of bars until it is told that the test is over; then others see theirs as before. */
    private static final class Watcher implements DisplaySink {
        private final List<String> texts = Collections.synchronizedList(new ArrayList<>());
        private final Set<String> ids = Collections.synchronizedSet(new HashSet<>());
        private volatile boolean over;

        @Override
        public void show(MimeBundle bundle, String id, boolean update) {
            if (over) {
                System.out.println(bundle.text());
            } else {
                texts.add(bundle.text());
                ids.add(id);
            }
        }

        @Override
        public boolean rich() {
            return !over;
        }

        /** The bytes that were done, of so many under this name. */
        List<Long> done(String name, long total) {
            return texts.stream()
                    .map(text -> {
                        Matcher m = TEXT.matcher(text);
                        assertThat(m.matches()).as(text).isTrue();
                        assertThat(m.group(1)).isEqualTo(name);
                        assertThat(bytes(m.group(3))).isEqualTo(total);
                        return bytes(m.group(2));
                    })
                    .toList();
        }

        private static long bytes(String grouped) {
            return Long.parseLong(grouped.replace(",", ""));
        }
    }

    private interface Fetch {
        void from(Hub hub) throws IOException;
    }

    private Watcher watched(Fetch fetch) throws IOException {
        Watcher watcher = new Watcher();
        try (FakeHub server =
                new FakeHub().with("weights.bin", new byte[WEIGHTS]).with("folder/notes.txt", "notes")) {
            Display.connect(watcher);
            fetch.from(Hub.model("owner/name")
                    .from(HubSource.mirror(server.url()))
                    .with(new Hub.Access(cache, Map.of(), Duration.ofSeconds(20), false)));
        } finally {
            watcher.over = true;
        }
        return watcher;
    }

    @Test
    void aRepositoryIsFetchedWithOneBarOfItsBytes() throws IOException {
        Watcher seen = watched(Hub::download);
        List<Long> done = seen.done("owner/name", WEIGHTS + NOTES);
        assertThat(seen.ids).as("one bar, updated in its place").hasSize(1);
        assertThat(done).isSorted().endsWith((long) WEIGHTS + NOTES);
        assertThat(done.get(0)).as("it is there before the end").isLessThan(WEIGHTS);
    }

    @Test
    void aFileIsFetchedWithABarOfItsOwn() throws IOException {
        Watcher seen = watched(hub -> hub.file("weights.bin"));
        List<Long> done = seen.done("weights.bin", WEIGHTS);
        assertThat(seen.ids).hasSize(1);
        assertThat(done).isSorted().endsWith((long) WEIGHTS);
        assertThat(done.get(0)).isLessThan(WEIGHTS);
    }
}
