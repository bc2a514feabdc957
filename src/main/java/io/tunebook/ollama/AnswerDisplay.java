package io.tunebook.ollama;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Progress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Shows an answer under the cell as it comes, as Markdown in the end; a plain program gets it printed. */
final class AnswerDisplay {
    private final boolean rich = Display.rich();
    private final StringBuilder thinking = new StringBuilder();
    private final StringBuilder text = new StringBuilder();
    /** Nothing is shown before the first piece: an error then stands alone. */
    private String id;

    private long shown;

    void piece(ChatResponse piece) {
        if (!rich) {
            System.out.print(piece.thinking() + piece.text());
            System.out.flush();
            return;
        }
        thinking.append(piece.thinking());
        text.append(piece.text());
        // A frontend need not draw more often than an eye can follow.
        if (id == null || System.nanoTime() - shown > 50_000_000) {
            show(MimeBundle.of(MimeBundle.TEXT, (text.isEmpty() ? thinking : text).toString()));
            shown = System.nanoTime();
        }
    }

    void end(ChatResponse response) {
        if (!rich) {
            System.out.println();
            return;
        }
        String thoughts = response.thinking().isBlank()
                ? ""
                : "<details><summary>Thinking</summary>\n\n"
                        + response.thinking().strip() + "\n\n</details>\n\n";
        show(MimeBundle.of(MimeBundle.TEXT, response.text(), MimeBundle.MARKDOWN, thoughts + response.text()));
    }

    private void show(MimeBundle bundle) {
        if (id == null) {
            id = Display.display(bundle);
        } else {
            Display.update(id, bundle);
        }
    }

    /** A progress bar for each layer that is pulled or pushed. */
    static final class LayerProgress implements Consumer<Ollama.Status>, AutoCloseable {
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
}
