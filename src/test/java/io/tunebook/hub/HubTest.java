package io.tunebook.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.data.Document;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class HubTest {
    private static final String TOKEN = "hf_secretSecretSecret";
    private static final byte[] WEIGHTS = new byte[300_000];

    static {
        new Random(6).nextBytes(WEIGHTS);
    }

    @TempDir
    Path cache;

    private FakeHub server;

    @BeforeEach
    void start() throws IOException {
        server = new FakeHub()
                .with("config.json", "{\"模型\": 1}")
                .with("weights.bin", WEIGHTS)
                .with("folder/notes.txt", "notes")
                .with("empty.txt", "");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Hub hub(String kind, HubSource... sources) {
        Hub hub = kind.equals("model") ? Hub.model("owner/name") : Hub.dataset("owner/name");
        return hub.from(sources)
                .with(new Hub.Access(cache, Map.of(sources[0].toString(), TOKEN), Duration.ofSeconds(2), false));
    }

    private Hub model() {
        return hub("model", HubSource.mirror(server.url()));
    }

    private long requestsForFiles() {
        return server.seen.stream().filter(s -> s.path().contains("/resolve/")).count();
    }

    @Test
    void downloadsIntoTheLayoutOfHuggingfaceHub() throws IOException {
        Path snapshot = model().download();
        Path repository = cache.resolve("models--owner--name");
        assertThat(snapshot).isEqualTo(repository.resolve("snapshots").resolve(FakeHub.COMMIT));
        assertThat(snapshot.resolve("config.json")).hasContent("{\"模型\": 1}");
        assertThat(snapshot.resolve("folder/notes.txt")).hasContent("notes");
        assertThat(snapshot.resolve("empty.txt")).isEmptyFile();
        assertThat(Files.readAllBytes(snapshot.resolve("weights.bin"))).isEqualTo(WEIGHTS);
        // Without the right to make links (Windows) the blob itself stands in the snapshot, as in huggingface_hub.
        if (Files.isSymbolicLink(snapshot.resolve("weights.bin"))) {
            assertThat(snapshot.resolve("weights.bin").toRealPath())
                    .isEqualTo(repository
                            .resolve("blobs")
                            .resolve(FakeHub.sha256(WEIGHTS))
                            .toRealPath());
        }
        assertThat(repository.resolve("refs/main")).hasContent(FakeHub.COMMIT);
        long before = requestsForFiles();
        model().download();
        assertThat(requestsForFiles()).isEqualTo(before);
    }

    @Test
    void patternsAndSingleFilesFetchNoMore() throws IOException {
        Path snapshot = model().only("*.json", "folder/*").download();
        assertThat(snapshot.resolve("weights.bin")).doesNotExist();
        assertThat(snapshot.resolve("folder/notes.txt")).exists();
        assertThat(model().file("empty.txt")).isEmptyFile();
        assertThat(requestsForFiles()).isEqualTo(3);
        assertThatThrownBy(() -> model().file("none.bin")).hasMessageContaining("no file none.bin");
        assertThatThrownBy(() -> model().only("*.gguf").download())
                .hasMessageContaining("no file that matches [*.gguf]");
    }

    @Test
    void resumesWhereItBrokeOff() throws IOException {
        server.faults.add(FakeHub.cutOff());
        server.faults.add(FakeHub.silent(3_000));
        Path file = model().file("weights.bin");
        assertThat(Files.readAllBytes(file)).isEqualTo(WEIGHTS);
        assertThat(server.seen).extracting(FakeHub.Seen::range).contains("bytes=150000-");
    }

    @Test
    void beginsAgainWhenTheServerKnowsNoRanges() throws IOException {
        server.faults.add(FakeHub.cutOff());
        server.faults.add(FakeHub.sends(WEIGHTS));
        assertThat(Files.readAllBytes(model().file("weights.bin"))).isEqualTo(WEIGHTS);
    }

    @Test
    void anotherProcessesHalfFileIsFinished() throws IOException {
        Path blobs = Files.createDirectories(cache.resolve("models--owner--name/blobs"));
        Files.write(blobs.resolve(FakeHub.sha256(WEIGHTS) + ".tunebook.incomplete"), Arrays.copyOf(WEIGHTS, 1000));
        assertThat(Files.readAllBytes(model().file("weights.bin"))).isEqualTo(WEIGHTS);
        assertThat(server.seen.get(server.seen.size() - 1).range()).isEqualTo("bytes=1000-");
    }

    @Test
    void aWrongChecksumIsTriedOnceMoreAndThenRefused() throws IOException {
        byte[] other = WEIGHTS.clone();
        other[7]++;
        server.faults.add(FakeHub.sends(other));
        assertThat(Files.readAllBytes(model().file("weights.bin"))).isEqualTo(WEIGHTS);

        byte[] config = "{\"modell\": 1}".getBytes(StandardCharsets.UTF_8);
        server.faults.add(FakeHub.sends(config));
        server.faults.add(FakeHub.sends(config));
        assertThatThrownBy(() -> model().file("config.json"))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("expected the checksum")
                .hasMessageContaining("try another hub");
        assertThat(cache.resolve("models--owner--name/snapshots/" + FakeHub.COMMIT + "/config.json"))
                .doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(ints = {5, -5})
    void aWrongLengthIsNeverTakenForTheFile(int more) {
        for (int i = 0; i < 5; i++) {
            server.faults.add(FakeHub.sends(Arrays.copyOf(WEIGHTS, WEIGHTS.length + more)));
        }
        assertThatThrownBy(() -> model().file("weights.bin"))
                .hasMessageContaining("expected 300000 bytes, found " + (more > 0 ? "more" : 300_000 + more));
        assertThat(cache.resolve("models--owner--name/snapshots")).doesNotExist();
    }

    /** A server that does not stop is left as soon as it has sent more than it listed, and nothing of it stays. */
    @Test
    void aBodyLongerThanListedIsLeftWhereItPassesTheSize() throws IOException {
        AtomicLong sent = new AtomicLong();
        server.faults.add(FakeHub.endless(sent));
        assertThatThrownBy(() -> model().file("config.json"))
                .isInstanceOf(HubException.class)
                .hasMessageContaining("bytes, found more. It is another file than the hub lists");
        assertThat(sent).hasValueLessThan(64 << 20);
        assertThat(server.seen.stream().filter(r -> r.path().contains("/resolve/")))
                .hasSize(1);
        try (Stream<Path> files = Files.walk(cache)) {
            assertThat(files.filter(f -> f.toString().contains("incomplete"))).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {429, 503})
    void waitsAsLongAsItIsAsked(int status) throws IOException {
        server.faults.add(FakeHub.status(status, "Retry-After", "1"));
        server.apiFaults.add(FakeHub.status(status, "Retry-After", "1"));
        long start = System.nanoTime();
        model().file("config.json");
        assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start)).isGreaterThanOrEqualTo(2_000);
    }

    @Test
    void waitsUntilADateToo() throws IOException {
        String soon = DateTimeFormatter.RFC_1123_DATE_TIME.format(
                ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(2));
        server.faults.add(FakeHub.status(429, "Retry-After", soon));
        long start = System.nanoTime();
        assertThat(model().file("config.json")).exists();
        assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start)).isGreaterThanOrEqualTo(900);
    }

    @ParameterizedTest
    @CsvSource({"401, set HF_TOKEN", "403, accept the terms", "404, 'no such repository, revision or file'"})
    void refusalsSayWhatToDo(int status, String advice) {
        server.apiFaults.add(FakeHub.status(status));
        assertThatThrownBy(() -> model().download())
                .isInstanceOf(HubException.class)
                .hasMessageContaining("answered " + status)
                .hasMessageContaining(advice)
                .hasMessageContaining("so it is")
                .hasMessageContaining("What to do")
                .hasMessageNotContaining(TOKEN);
        server.faults.add(FakeHub.status(status));
        assertThatThrownBy(() -> model().file("config.json"))
                .hasMessageContaining("answered " + status)
                .hasMessageNotContaining(TOKEN);
    }

    @Test
    void theTokenStaysBehindWhenAnotherHostHasTheFile() throws IOException {
        try (FakeHub cdn = new FakeHub().with("weights.bin", WEIGHTS)) {
            server.faults.add(FakeHub.status(302, "Location", cdn.url() + "/cdn/weights.bin"));
            assertThat(Files.readAllBytes(model().file("weights.bin"))).isEqualTo(WEIGHTS);
            assertThat(server.seen)
                    .allSatisfy(s -> assertThat(s.authorization()).isEqualTo("Bearer " + TOKEN));
            assertThat(cdn.seen).isNotEmpty().allSatisfy(s -> assertThat(s.authorization())
                    .isNull());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"../outside.txt", "/etc/outside", "a/../../outside", "C:\\outside", "a//b", "nul\u0000"})
    void namesThatLeaveTheRepositoryAreRefused(String name) {
        server.with(name, "x");
        assertThatThrownBy(() -> model().download())
                .isInstanceOf(HubException.class)
                .hasMessageContaining("refused the name");
        assertThatThrownBy(() -> model().file(name)).isInstanceOf(IllegalArgumentException.class);
        assertThat(cache).isEmptyDirectory();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "NUL",
                "con.txt",
                "aux/x",
                "a/COM1.json",
                "lpt\u00b9",
                "prn .tar.gz",
                "CONIN$",
                "x. ",
                "dot./x",
                "space /x"
            })
    void namesThatWindowsReservesAreRefused(String name) {
        assertThatThrownBy(() -> new HubFile(name, 1, ""))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("refused the name");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"console.txt", "aux_loss.py", "com10", "null", ".gitattributes", "a.nul", "a b/c d.txt", "lpt"})
    void namesThatOnlyLookLikeThemAreNot(String name) {
        assertThat(new HubFile(name, 1, "").path()).isEqualTo(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "../x", "a/b/c", "a/..", "a b", "http://x/y"})
    void onlyRepositoriesHaveIds(String id) {
        assertThatThrownBy(() -> Hub.model(id)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void modelScopeHasModelsAndDataSets() throws IOException {
        HubSource modelScope = HubSource.modelScope(server.url());
        assertThat(Files.readAllBytes(hub("model", modelScope).file("weights.bin")))
                .isEqualTo(WEIGHTS);
        for (int i = 0; i < 120; i++) {
            server.with("part-" + i + ".jsonl", "{\"id\": " + i + ", \"content\": \"text\"}\n");
        }
        Path snapshot = hub("dataset", modelScope).only("*.jsonl").download();
        assertThat(snapshot.resolve("part-119.jsonl")).exists();
        assertThat(server.seen).allSatisfy(s -> assertThat(s.cookie()).isEqualTo("m_session_id=" + TOKEN));
        assertThat(server.seen).anySatisfy(s -> assertThat(s.path()).contains("Revision=master"));
    }

    @Test
    void theTutorialsFirstCellWorks() throws IOException {
        server.with("data/train-00000.jsonl", "{\"id\": 1, \"content\": \"一\"}\n".repeat(3))
                .with("data/train-00001.jsonl", "{\"id\": 2, \"content\": \"二\"}\n".repeat(3))
                .with("data/train-00002.jsonl", "{\"id\": 3, \"content\": \"三\"}\n".repeat(3))
                .with("data/test-00000.jsonl", "{\"id\": 4, \"content\": \"四\"}\n");
        List<String> texts = new ArrayList<>();
        Hub data = hub("dataset", HubSource.mirror(server.url()));
        data.split("train").stream().take(5).forEach((Document d) -> texts.add(d.content()));
        assertThat(texts).containsExactly("一", "一", "一", "二", "二");
        assertThat(server.seen).extracting(FakeHub.Seen::path).noneMatch(p -> p.contains("train-00002.jsonl"));
        assertThat(data.split("test").stream().count()).isEqualTo(1);
        assertThatThrownBy(() -> data.split("validation").stream()).hasMessageContaining("no data files for the split");
    }

    @Test
    void aDataSetInAnotherFormIsReadFromItsConvertedParquetFiles() throws Exception {
        Hub data = hub("dataset", HubSource.mirror(server.url())).only("*.parquet");
        assertThatThrownBy(() -> data.split("train").stream()).hasMessageContaining("no data files for the split");
        Path parquet = cache.resolve("rows.parquet");
        try (var duckdb = DriverManager.getConnection("jdbc:duckdb:");
                var statement = duckdb.createStatement()) {
            statement.execute("COPY (SELECT '七' AS text FROM range(3)) TO '" + parquet + "' (FORMAT parquet)");
        }
        server.converted.put("default/train/0000.parquet", Files.readAllBytes(parquet));
        assertThat(data.split("train").stream().stream())
                .extracting(Document::content)
                .containsExactly("七", "七", "七");
        assertThat(cache.resolve("datasets--owner--name/refs/refs/convert/parquet"))
                .hasContent(FakeHub.CONVERTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp://localhost/x", "http://a b/", "file:///etc/passwd"})
    void redirectsElsewhereThanToHttpAreRefused(String location) {
        server.faults.add(FakeHub.status(302, "Location", location));
        assertThatThrownBy(() -> model().file("config.json")).hasMessageContaining("redirects to");
    }

    @Test
    void theNextSourceIsAskedWhenOneFailsOrHangs() throws IOException {
        try (FakeHub other = new FakeHub().with("config.json", "{}")) {
            server.apiFaults.add(FakeHub.status(404));
            assertThat(hub("model", HubSource.mirror(server.url()), HubSource.modelScope(other.url()))
                            .files())
                    .hasSize(1);
            server.apiFaults.add(FakeHub.slow(8_000));
            assertThat(hub("model", HubSource.mirror(server.url()), HubSource.modelScope(other.url()))
                            .files())
                    .hasSize(1);
            assertThat(other.seen).allSatisfy(s -> assertThat(s.cookie()).isNull());
            assertThat(HubSearch.order(cache, HubSource.mirror(server.url()), HubSource.modelScope(other.url())))
                    .as("the silent one comes last from then on")
                    .containsExactly(HubSource.modelScope(other.url()), HubSource.mirror(server.url()));
            age(Duration.ofMinutes(4));
            assertThat(HubSearch.order(cache, HubSource.mirror(server.url()), HubSource.modelScope(other.url())))
                    .containsExactly(HubSource.modelScope(other.url()), HubSource.mirror(server.url()));
            age(Duration.ofMinutes(6));
            assertThat(HubSearch.order(cache, HubSource.mirror(server.url()), HubSource.modelScope(other.url())))
                    .as("for five minutes: it was slow, not out of reach")
                    .containsExactly(HubSource.mirror(server.url()), HubSource.modelScope(other.url()));
        }
    }

    /** It is remembered in the cache's folder, not in the process, so other notebooks need not find out again. */
    @Test
    void whatCouldNotBeReachedIsAskedLastForAnHour() throws IOException {
        HubSource other = HubSource.mirror(server.url());
        HubSource gone = HubSource.mirror("http://localhost:2");
        assertThat(HubSearch.order(cache, gone, other)).containsExactly(gone, other);
        assertThat(hub("model", gone, other).files()).hasSize(4);
        assertThat(HubSearch.order(cache, gone, other)).containsExactly(other, gone);
        assertThat(HubSearch.order(cache.resolve("another"), gone, other)).containsExactly(gone, other);

        age(Duration.ofMinutes(59));
        assertThat(HubSearch.order(cache, gone, other)).containsExactly(other, gone);
        age(Duration.ofMinutes(61));
        assertThat(HubSearch.order(cache, gone, other)).containsExactly(gone, other);
    }

    /** As if what is remembered of sources were of so long ago. */
    private void age(Duration ago) throws IOException {
        try (Stream<Path> marks = Files.list(cache.resolve(".locks/unreachable"))) {
            Files.setLastModifiedTime(
                    marks.findFirst().orElseThrow(), FileTime.from(Instant.now().minus(ago)));
        }
    }

    @Test
    void whatAnswersAgainIsAskedFirstAgain() throws IOException {
        HubSource first = HubSource.mirror(server.url());
        try (FakeHub other = new FakeHub().with("config.json", "{}")) {
            HubSource second = HubSource.modelScope(other.url());
            server.apiFaults.add(FakeHub.slow(8_000));
            assertThat(hub("model", first, second).files()).hasSize(1);
            assertThat(HubSearch.order(cache, first, second)).containsExactly(second, first);
            assertThat(hub("model", first, second).files()).hasSize(4);
            assertThat(HubSearch.order(cache, first, second)).containsExactly(first, second);
        }
        HubSource gone = HubSource.mirror("http://localhost:2");
        server.close();
        assertThatThrownBy(() -> hub("model", first, gone).files()).isInstanceOf(HubException.class);
        assertThat(HubSearch.order(cache, first, gone))
                .as("where neither answered, the usual order is as good as any")
                .containsExactly(first, gone);
    }

    @Test
    void whereNoHubAnswersItSaysWhoWasAskedWhatTheySaidAndWhatToDo() {
        for (int i = 0; i < 4; i++) {
            server.apiFaults.add(FakeHub.slow(20_000));
        }
        long start = System.nanoTime();
        assertThatThrownBy(() -> hub(
                                "dataset",
                                HubSource.mirror(server.url()),
                                HubSource.mirror(server.url() + "/b"),
                                HubSource.mirror(server.url() + "/c"),
                                HubSource.mirror(server.url() + "/d"),
                                HubSource.mirror("http://localhost:1"),
                                HubSource.modelScope("http://no-such-host.invalid"))
                        .split("train")
                        .stream()
                        .take(5))
                .isInstanceOf(HubException.class)
                .hasMessageContaining(server.url() + " → ")
                .hasMessageContaining("did not answer in")
                .hasMessageContaining("http://localhost:1 → ")
                .hasMessageContaining("no connection")
                .hasMessageContaining("no-such-host.invalid → ")
                .hasMessageContaining("HF_ENDPOINT")
                .hasMessageContaining("HubSource.modelScope()")
                .hasMessageContaining("HubSource.folder");
        // The promise itself, not a matter of speed: nobody waits longer than ten seconds for this message.
        assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start)).isLessThan(10);
    }

    @Test
    void whatWasFetchedBeforeServesWhenNoHubAnswers() throws IOException {
        model().only("*.json").download();
        server.close();
        assertThat(model().file("config.json")).hasContent("{\"模型\": 1}");
        assertThat(model().revision(FakeHub.COMMIT).file("config.json")).exists();
        Hub offline =
                Hub.model("owner/name").with(new Hub.Access(cache, Map.of("x", "y"), Duration.ofSeconds(2), true));
        assertThat(offline.download().resolve("config.json")).exists();
        assertThatThrownBy(() -> offline.revision("other").download()).hasMessageContaining("HF_HUB_OFFLINE is set");
    }

    @Test
    void aFolderServesAsAHub() throws IOException {
        Path folder = Files.createDirectories(cache.resolve("mine/owner/name"));
        Files.writeString(folder.resolve("a.jsonl"), "{\"id\": 1, \"text\": \"x\"}");
        Hub hub = hub("dataset", HubSource.folder(cache.resolve("mine")));
        assertThat(hub.download()).isEqualTo(folder);
        assertThat(hub.split("train").stream().count()).isEqualTo(1);
        assertThat(hub("dataset", HubSource.folder(folder)).files()).hasSize(1);
    }

    @Test
    void manyAtOnceFetchEachFileOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(6);
        try {
            List<Callable<Path>> tasks = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                tasks.add(() -> model().file("weights.bin"));
            }
            for (Future<Path> path : threads.invokeAll(tasks)) {
                assertThat(Files.readAllBytes(path.get())).isEqualTo(WEIGHTS);
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(requestsForFiles()).isEqualTo(1);
    }

    /** A source that is the only one is not given up while its connection may still be silent. */
    @Test
    void theOnlySourceHasAsLongAsItsConnectionMayBeSilent() {
        assertThat(HubSearch.time(1, Duration.ofSeconds(30))).isEqualTo(Duration.ofSeconds(30));
        assertThat(HubSearch.time(2, Duration.ofSeconds(30))).isEqualTo(HubSearch.LISTING);
        assertThat(HubSearch.time(1, Duration.ofSeconds(2))).isEqualTo(HubSearch.LISTING);
    }

    /** Another JVM that wants the same file; run by {@link #twoProcessesFetchEachFileOnce}. */
    static final class OtherProcess {
        public static void main(String[] arguments) throws IOException {
            Path file = Hub.model("owner/name")
                    .from(HubSource.mirror(arguments[0]))
                    .cache(Path.of(arguments[1]))
                    .file("weights.bin");
            System.out.println(FakeHub.sha256(Files.readAllBytes(file)));
        }
    }

    @Test
    void twoProcessesFetchEachFileOnce() throws Exception {
        server.faults.add(FakeHub.slow(3_000));
        List<Process> others = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            ProcessBuilder builder = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                            OtherProcess.class.getName(),
                            server.url(),
                            cache.toString())
                    .redirectErrorStream(true);
            builder.environment().remove("HF_HUB_OFFLINE");
            others.add(builder.start());
        }
        for (Process other : others) {
            String said = new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(other.waitFor()).as(said).isZero();
            assertThat(said).contains(FakeHub.sha256(WEIGHTS));
        }
        assertThat(requestsForFiles()).isEqualTo(1);
    }

    @Test
    void pythonFindsWhatWasDownloadedAndTheOtherWayRound() throws Exception {
        String python = System.getenv("TUNEBOOK_PYTHON");
        Assumptions.assumeTrue(python != null, "TUNEBOOK_PYTHON is not set");
        Assumptions.assumeTrue(
                run(python, "import huggingface_hub") == 0,
                "TUNEBOOK_PYTHON has no huggingface_hub (pip install huggingface_hub)");
        Path snapshot = model().download();
        assertThat(run(
                        python,
                        "from huggingface_hub import hf_hub_download, snapshot_download; import os\n"
                                + "assert os.path.samefile(hf_hub_download('owner/name', 'weights.bin', cache_dir=r'"
                                + cache
                                + "', local_files_only=True), r'" + snapshot.resolve("weights.bin") + "')\n"
                                + "assert os.path.samefile(snapshot_download('owner/name', cache_dir=r'" + cache
                                + "', local_files_only=True), r'" + snapshot + "')"))
                .isZero();
        long before = requestsForFiles();
        assertThat(run(
                        python,
                        "from huggingface_hub import snapshot_download, hf_hub_download\n"
                                + "hf_hub_download('owner/name', 'config.json', cache_dir=r'" + cache.resolve("py")
                                + "', endpoint='" + server.url() + "')\n"
                                + "hf_hub_download('owner/name', 'weights.bin', cache_dir=r'" + cache.resolve("py")
                                + "', endpoint='" + server.url() + "')"))
                .isZero();
        assertThat(requestsForFiles()).isGreaterThan(before);
        long fetched = requestsForFiles();
        Hub sameCache = model().cache(cache.resolve("py"));
        assertThat(Files.readAllBytes(sameCache.file("weights.bin"))).isEqualTo(WEIGHTS);
        assertThat(requestsForFiles()).isEqualTo(fetched);
    }

    @ParameterizedTest
    @CsvSource({
        "https://huggingface.co/x, HTTP @ proxy.example/<unresolved>:3128",
        "https://a.internal.example/x, DIRECT",
        "https://internal.example/x, DIRECT",
        "https://notinternal.example/x, HTTP @ proxy.example/<unresolved>:3128",
        "http://localhost:8080/x, DIRECT"
    })
    void proxiesAreThoseOfTheUsualVariables(URI uri, String proxy) {
        Map<String, String> variables =
                Map.of("https_proxy", "http://proxy.example:3128", "NO_PROXY", ".internal.example, localhost");
        assertThat(HubClient.proxies(variables).select(uri).get(0).toString()).isEqualTo(proxy);
    }

    private static int run(String python, String script) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(python, "-c", script).redirectErrorStream(true);
        builder.environment().put("HF_HUB_DISABLE_TELEMETRY", "1");
        builder.environment().put("HF_HUB_DISABLE_XET", "1");
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int exit = process.waitFor();
        if (exit != 0) {
            System.out.println(said);
        }
        return exit;
    }
}
