package io.tunebook.kernel.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.kernel.install.InstalledKernel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Documentation comments are strangers' texts: they keep their form and lose what could run. */
class JavadocHtmlTest {
    private static final Path SCRIPTS = Path.of("src", "test", "javascript").toAbsolutePath();

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a <b>bold</b> &lt;word&gt; &amp; more | a <b>bold</b> &lt;word&gt; &amp; more",
                "<p class=\"x\" onclick=\"hit()\">text</p><br/> | <p>text</p><br>",
                "<UL><LI>one<li>two</UL> | <ul><li>one<li>two</ul>",
                "see <a href=\"https://example.org/a?b=c\">this</a> | see <a href=\"https://example.org/a?b=c\">this</a>",
                "<a href=\"javascript:hit()\">x</a> | x</a>",
                "<a href='java&#x0a;script:hit()'>x</a> | x</a>",
                "a < b && c > d | a &lt; b &amp;&amp; c &gt; d",
                "List<String> | List",
                "<script>hit()</script>after<!-- no --> | after",
                "<script>never closed | ``",
                "<img/onerror=hit()/src=x> | &lt;img/onerror=hit()/src=x&gt;",
                "<svg onload=hit()>text</svg> | text",
                "&#60;script&#62; | &amp;#60;script&amp;#62;",
            },
            emptyValue = "",
            quoteCharacter = '`')
    void keepsFormAndNothingElse(String comment, String html) {
        assertThat(JavadocHtml.of(comment)).isEqualTo(html);
    }

    @Test
    void nothingRunsInABrowser() throws Exception {
        String modules = System.getenv("TUNEBOOK_NODE_MODULES");
        assumeTrue(modules != null, "skipped: TUNEBOOK_NODE_MODULES names no folder with Playwright of npm");
        Path browser = InstalledKernel.browser();
        List<String> attacks = List.of(new ObjectMapper()
                .readValue(SCRIPTS.resolve("hostile_texts.json").toFile(), String[].class));
        StringBuilder page = new StringBuilder(
                "<!DOCTYPE html><meta charset=utf-8><script data-own>window.hits=[];function hit(x){hits.push(x)}</script>");
        for (String attack : attacks) {
            for (String comment : List.of(attack, "<b " + attack + ">", "<a href=\"https://x/" + attack + "\">x</a>")) {
                page.append("<section>").append(JavadocHtml.of(comment)).append("</section>\n");
            }
        }
        page.append("<img data-own src='data:image/png,none' onerror='window.control=true'>");
        Path file = Files.writeString(folder.resolve("page.html"), page, StandardCharsets.UTF_8);
        Process node = new ProcessBuilder(
                        "node", SCRIPTS.resolve("hostile_html.cjs").toString(), browser.toString(), file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(node.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(node.waitFor()).as(said).isZero();
        assertThat(said).contains("NOTHING RAN in " + 3 * attacks.size() + " sections");
    }
}
