package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.chart.Charts;
import io.tunebook.chart.TableView;
import io.tunebook.data.ChatExample;
import io.tunebook.data.Corpus;
import io.tunebook.data.Message;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.DisplaySink;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Progress;
import io.tunebook.picture.TokenPictures;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.TokenView;
import io.tunebook.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the library shows of data that mean harm, in a real browser: nothing in it runs. */
final class HostileHtmlTest {
    private static final Path SCRIPTS = Path.of("../kernel/src/test/javascript").toAbsolutePath();

    @TempDir
    Path folder;

    record Row(String name, String text) {}

    @Test
    void nothingInWhatIsShownRuns() throws Exception {
        String modules = System.getenv("TUNEBOOK_NODE_MODULES");
        assumeTrue(modules != null, "skipped: TUNEBOOK_NODE_MODULES names no folder with Playwright of npm");
        Path browser = BrowserTest.browser().orElse(null);
        assumeTrue(browser != null, "skipped: no Chromium, Chrome or Edge is installed");
        String model = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(model != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no model");

        List<String> attacks = List.of(new ObjectMapper()
                .readValue(SCRIPTS.resolve("hostile_texts.json").toFile(), String[].class));
        List<MimeBundle> shown = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.load(Path.of(model))) {
            for (String attack : attacks) {
                shown.add(Display.render(new Row(attack, attack)));
                shown.add(Display.render(List.of(new Row(attack, "x"), new Row("y", attack))));
                shown.add(Display.render(Map.of(attack, attack)));
                shown.add(Display.render(new IllegalStateException(attack)));
                shown.add(Display.render(TableView.of(List.of(new Row(attack, attack)))));
                shown.add(Charts.line(attack, attack, attack, Map.of(attack, new double[][] {{1, 2}, {3, 4}})));
                shown.add(Charts.bar(attack, attack, Map.of(attack, 3)));
                shown.add(TokenView.of(tokenizer, attack));
                shown.add(TokenView.table(tokenizer, attack));
                shown.add(TokenPictures.pieces(tokenizer, attack));
                ChatTemplate template = tokenizer.chatTemplate();
                shown.add(TokenView.of(
                        tokenizer,
                        template.encode(new ChatExample(List.of(Message.user(attack), Message.assistant(attack))))));
            }
        }
        Path corpus = folder.resolve("a'b<i>.jsonl");
        StringBuilder lines = new StringBuilder();
        for (String attack : attacks) {
            lines.append("{\"text\":\"")
                    .append(attack.replace("\"", "\\\""))
                    .append("\",\"title\":\"")
                    .append(attack.replace("\"", "\\\""))
                    .append("\"}\n");
        }
        Files.writeString(corpus, lines);
        shown.addAll(sunk(() -> {
            Corpus.open(corpus).show(attacks.size());
            for (String attack : attacks) {
                try (Progress bar = Display.progress(2, attack)) {
                    bar.message(attack);
                    bar.step();
                }
            }
        }));
        page(folder.resolve("page.html"), shown, browser);
    }

    private interface Work {
        void run() throws Exception;
    }

    /** What is shown meanwhile. */
    private static List<MimeBundle> sunk(Work work) throws Exception {
        List<MimeBundle> out = new ArrayList<>();
        boolean[] over = {false};
        Display.connect(new DisplaySink() {
            @Override
            public void show(MimeBundle bundle, String id, boolean update) {
                if (over[0]) {
                    System.out.println(bundle.text());
                } else {
                    out.add(bundle);
                }
            }

            @Override
            public boolean rich() {
                return !over[0];
            }
        });
        try {
            work.run();
        } finally {
            // as before for the tests that come after this one
            over[0] = true;
        }
        return out;
    }

    /** Puts all of it into a page as a frontend does, and has it looked at. */
    private static void page(Path file, List<MimeBundle> shown, Path browser) throws Exception {
        StringBuilder page = new StringBuilder(
                "<!DOCTYPE html><meta charset=utf-8><script data-own>window.hits=[];function hit(x){hits.push(x)}</script>");
        int html = 0;
        for (MimeBundle bundle : shown) {
            for (String type : List.of("text/html", "image/svg+xml")) {
                Object text = bundle.data().get(type);
                if (text != null) {
                    page.append("<section>").append(text).append("</section>\n");
                    html++;
                }
            }
        }
        assertThat(html).isGreaterThan(100);
        page.append("<img data-own src='data:image/png,none' onerror='window.control=true'>");
        Files.writeString(file, page, StandardCharsets.UTF_8);
        Process node = new ProcessBuilder(
                        "node", SCRIPTS.resolve("hostile_html.cjs").toString(), browser.toString(), file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(node.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(node.waitFor()).as(said).isZero();
        assertThat(said).contains("NOTHING RAN in " + html + " sections");
    }
}
