package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

/**
 * What a release needs in its files: POMs that Maven Central takes (see
 * <a href="https://central.sonatype.org/publish/requirements/">its requirements</a>), one version everywhere, fixed
 * actions.
 */
final class PublishingTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final XPath XPATH = XPathFactory.newInstance().newXPath();

    private static Document pom(String name) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(ROOT.resolve(name).toFile());
    }

    private static String text(Document pom, String path) throws Exception {
        return XPATH.evaluate(path, pom).strip();
    }

    @Test
    void theParentSaysWhatMavenCentralAsksFor() throws Exception {
        Document parent = pom("pom.xml");
        for (String path : List.of(
                "url",
                "licenses/license/name",
                "licenses/license/url",
                "developers/developer/name",
                "scm/connection",
                "scm/developerConnection",
                "scm/url")) {
            assertThat(text(parent, "/project/" + path)).as(path).isNotEmpty();
        }
        for (String name : List.of("pom.xml", "kernel/pom.xml", "src/pom.xml")) {
            Document pom = pom(name);
            assertThat(text(pom, "/project/name")).as(name).isNotEmpty();
            assertThat(text(pom, "/project/description")).as(name).isNotEmpty();
            assertThat(Files.readString(ROOT.resolve(name))).as(name).doesNotContain("SNAPSHOT");
        }
    }

    /** Where the project is published is assumed in one place; whatever else names it says the same. */
    @Test
    void allNameTheSameRepository() throws Exception {
        Document parent = pom("pom.xml");
        String url = text(parent, "/project/url");
        assertThat(text(parent, "/project/scm/url")).isEqualTo(url);
        assertThat(text(parent, "/project/scm/connection")).isEqualTo("scm:git:" + url + ".git");
        String name = url.substring("https://github.com/".length());
        assertThat(text(parent, "/project/scm/developerConnection")).endsWith("github.com/" + name + ".git");
        assertThat(Files.readString(ROOT.resolve("jbang-catalog.json")))
                .contains("jbang tunebook-kernel@" + name + " ");
    }

    @Test
    void modulesAndTheJBangCatalogueHaveTheParentsVersion() throws Exception {
        String version = text(pom("pom.xml"), "/project/version");
        for (String name : List.of("kernel/pom.xml", "src/pom.xml", "bench/pom.xml")) {
            assertThat(text(pom(name), "/project/parent/version")).as(name).isEqualTo(version);
        }
        JsonNode alias = new ObjectMapper()
                .readTree(ROOT.resolve("jbang-catalog.json").toFile())
                .path("aliases")
                .path("tunebook-kernel");
        assertThat(alias.path("script-ref").asText()).isEqualTo("io.tunebook:tunebook-kernel:" + version + ":all");
        Path main = Path.of(
                "kernel/src/main/java",
                alias.path("main").asText().replace('.', '/').concat(".java"));
        assertThat(ROOT.resolve(main)).exists();
        assertThat(Files.readString(ROOT.resolve("kernel/pom.xml")))
                .as("the jar of the classifier is attached")
                .contains("<classifier>all</classifier>");
    }

    /** What is checked with each change is checked for a release too, in the same way. */
    @Test
    void eachChangeAndEachReleaseAreCheckedAlike() throws Exception {
        for (String name : List.of(".ci/run", ".github/workflows/ci.yml", ".github/workflows/release.yml")) {
            String text = Files.readString(ROOT.resolve(name));
            int tests = text.indexOf("java environment/Lab.java test");
            assertThat(tests).as(name).isPositive();
            assertThat(text.indexOf(".ci/published")).as(name).isGreaterThan(tests);
        }
        String release = Files.readString(ROOT.resolve(".github/workflows/release.yml"));
        assertThat(release.substring(release.indexOf("gh release create")))
                .contains("kernel/target/*.whl", "target/central-bundle.zip", "target/tunebook-site.zip");
    }

    /** A tag of an action can be moved to other code; a commit cannot. */
    @Test
    void actionsAreNamedByTheirCommit() throws Exception {
        List<String> uses = new ArrayList<>();
        try (Stream<Path> files = Files.list(ROOT.resolve(".github/workflows"))) {
            for (Path file : files.toList()) {
                Files.readAllLines(file).stream()
                        .map(String::strip)
                        .filter(line -> line.matches("(- )?uses:.*"))
                        .forEach(uses::add);
            }
        }
        assertThat(uses).isNotEmpty().allMatch(line -> line.matches("(- )?uses: [\\w./-]+@[0-9a-f]{40} # v[\\d.]+"));
    }

    /**
     * Nothing is installed by a name alone, which somebody else could take: Python's packages by hash, Maven and its
     * files by checksum.
     */
    @Test
    void whatIsFetchedIsHeldToItsChecksum() throws Exception {
        List<String> installs = new ArrayList<>();
        for (String file :
                List.of(".ci/published", ".ci/run", ".github/workflows/ci.yml", ".github/workflows/release.yml")) {
            Files.readAllLines(ROOT.resolve(file)).stream()
                    .filter(line -> line.matches(".*(pip install|\\$pip ).*") && !line.startsWith("pip="))
                    .forEach(installs::add);
        }
        assertThat(installs)
                .isNotEmpty()
                .allMatch(line -> line.contains("--require-hashes --requirement environment/"));
        for (String file : List.of("", "-nvrtc", "-release")) {
            requireHashes(ROOT.resolve("environment/requirements" + file + ".txt"));
        }
        requireHashes(ROOT.resolve("environment/site/requirements.txt"));
        assertThat(ROOT.resolve(".mvn/maven.config")).content().contains("--strict-checksums");
        assertThat(ROOT.resolve(".mvn/wrapper/maven-wrapper.properties"))
                .content()
                .containsPattern("distributionSha256Sum=[0-9a-f]{64}\\s");
    }

    /** Each package at one version, with a hash after it. */
    private static void requireHashes(Path file) throws Exception {
        String text = Files.readString(file).replaceAll("(?m)^\\s*#.*$", "").replaceAll("\\\\\\R", " ");
        assertThat(text.lines().filter(line -> !line.isBlank()))
                .as(file.toString())
                .isNotEmpty()
                .allMatch(line -> line.matches("[\\w.\\[\\]-]+==\\S+ .*--hash=sha256:[0-9a-f]{64}.*"));
    }

    /**
     * What is inside is listed, under licences that are on the list; known vulnerabilities are asked for where their
     * data can be fetched.
     */
    @Test
    void theBuildListsWhatIsInsideAndEndsOnALicenceThatIsNotOnTheList() throws Exception {
        assertThat(Files.readString(ROOT.resolve("pom.xml")))
                .contains("<goal>makeBom</goal>", "<goal>add-third-party</goal>")
                .contains("<failOnMissing>true</failOnMissing>", "<failOnBlacklist>true</failOnBlacklist>")
                .contains("<includedLicense>");
        for (String file : List.of("ci.yml", "release.yml")) {
            String workflow = Files.readString(ROOT.resolve(".github/workflows/" + file));
            assertThat(workflow).containsPattern("(?m)^permissions:\\R  contents: read$");
        }
        assertThat(Files.readString(ROOT.resolve(".github/workflows/ci.yml")))
                .contains("osv-scanner@v")
                .contains("-L environment/requirements.txt -L kernel/target/bom.json -L src/target/bom.json");
    }
}
