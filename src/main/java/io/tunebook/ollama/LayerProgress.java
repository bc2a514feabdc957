package io.tunebook.ollama;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** A progress bar for each layer that is pulled or pushed. */
final class LayerProgress implements Consumer<Ollama.Status>, AutoCloseable {
    private final Map<String, Progress> bars = new LinkedHashMap<>();

    @Override
    public void accept(Ollama.Status status) {
        if (status.total() > 0) {
            bars.computeIfAbsent(status.digest(), d -> Display.progress(status.total(), status.status()))
                    .at(status.completed());
        }
    }

    @Override
    public void close() {
        bars.values().forEach(Progress::close);
    }
}
