package io.tunebook.hub;

import io.tunebook.data.Corpus;
import io.tunebook.hub.HubListing.HubRepository;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * A model or data set on ModelScope, Hugging Face, a mirror or in a folder. Immutable; nothing is asked before a method
 * that needs an answer.
 *
 * <pre>{@code
 * Path model = Hub.model("HuggingFaceTB/SmolLM2-135M-Instruct").only("*.json", "*.safetensors").download();
 * Hub.dataset("owner/name").split("train").stream().take(5).show(5);
 * }</pre>
 *
 * Sources are asked in their order, the next when one has failed or not answered for three seconds. Without
 * {@link #from} that is Hugging Face ({@code HF_ENDPOINT}) and then ModelScope, or ModelScope first for an hour after
 * there was no connection to the other, and for five minutes after it was slow. Files go into the cache of
 * huggingface_hub ({@code HF_HUB_CACHE}, {@code HF_HOME}), so that Python finds them and what Python fetched is found.
 * {@code HF_HUB_OFFLINE=1} asks nobody. Proxies are those of {@code HTTPS_PROXY} and {@code NO_PROXY}. Tokens come from
 * {@code HF_TOKEN} (or the file that {@code hf auth login} writes) and {@code MODELSCOPE_API_TOKEN}; each is sent to
 * the host that was given as its hub and to no other, which is a mirror where one is named by {@code HF_ENDPOINT} or
 * {@link HubSource#mirror}, as with huggingface_hub, and in clear text where that address begins with {@code http:}.
 */
public final class Hub {
    private static final Duration SILENCE = Duration.ofSeconds(30);
    private static final Pattern DATA =
            Pattern.compile("(?i).*\\.(json|jsonl|ndjson|csv|tsv|parquet|txt)(\\.(gz|zst))?");
    private static final Map<String, String> SPLITS = Map.of(
            "train", "train|training",
            "test", "test|testing|eval|evaluation",
            "validation", "validation|valid|val|dev");
    /** How to reach hubs: all that a test must be able to set. */
    record Access(Path cache, Map<String, String> tokens, Duration silence, boolean offline) {
        Optional<String> token(HubSource source) {
            return tokens.isEmpty() ? Settings.token(source) : Optional.ofNullable(tokens.get(source.toString()));
        }
    }

    private final HubRepository repository;
    private final List<HubSource> sources;
    private final List<String> patterns;
    private final Access access;

    private Hub(HubRepository repository, List<HubSource> sources, List<String> patterns, Access access) {
        this.repository = repository;
        this.sources = sources;
        this.patterns = patterns;
        this.access = access;
    }

    /**
     * A model.
     *
     * @param id {@code owner/name}
     * @throws IllegalArgumentException if it is none
     */
    public static Hub model(String id) {
        return of("model", id);
    }

    /**
     * A data set.
     *
     * @param id {@code owner/name}
     * @throws IllegalArgumentException if it is none
     */
    public static Hub dataset(String id) {
        return of("dataset", id);
    }

    private static Hub of(String kind, String id) {
        Access access = new Access(Settings.cache(), Map.of(), SILENCE, Settings.offline());
        return new Hub(new HubRepository(kind, id, "main"), List.of(), List.of(), access);
    }

    /** Asks these sources, in this order. */
    public Hub from(HubSource... order) {
        return new Hub(repository, List.of(order), patterns, access);
    }

    /**
     * A branch, a tag or a commit; without it {@code main}, which is {@code master} on ModelScope.
     *
     * @throws IllegalArgumentException if it can be none
     */
    public Hub revision(String revision) {
        return new Hub(new HubRepository(repository.kind(), repository.id(), revision), sources, patterns, access);
    }

    /**
     * Only files whose path or name matches one of these patterns, with {@code *}, {@code ?} and <code>{a,b}</code>;
     * one that begins with a slash is for the whole path.
     */
    public Hub only(String... globs) {
        return new Hub(repository, sources, List.of(globs), access);
    }

    /** Another cache than huggingface_hub's. */
    public Hub cache(Path folder) {
        return with(new Access(folder, access.tokens(), access.silence(), access.offline()));
    }

    Hub with(Access other) {
        return new Hub(repository, sources, patterns, other);
    }

    /**
     * The files, without fetching them.
     *
     * @throws HubException within ten seconds if no source has it; says what each answered
     */
    public List<HubFile> files() throws IOException {
        return wanted(listing().files());
    }

    /**
     * The folder with all files (that {@link #only} lets through), fetched four at a time, resumed where an earlier
     * attempt broke off, and checked.
     *
     * @throws HubException if no source has it, within ten seconds, or a file did not come whole
     */
    public Path download() throws IOException {
        HubListing listing = listing();
        List<HubFile> files = wanted(listing.files());
        if (files.isEmpty()) {
            throw new HubException(
                    listing.source() + " has " + repository.id() + ", but no file that matches " + patterns
                            + ": it has "
                            + listing.files().stream()
                                    .map(HubFile::path)
                                    .limit(20)
                                    .toList(),
                    200,
                    null);
        }
        if (listing.root() != null) {
            return listing.root();
        }
        HubCache cache = new HubCache(access.cache(), repository);
        long total = files.stream().mapToLong(f -> Math.max(0, f.bytes())).sum();
        ExecutorService workers = Executors.newFixedThreadPool(4);
        try (Progress progress = Display.progress(total, repository.id())) {
            List<Future<Path>> fetched = new ArrayList<>();
            for (HubFile file : files) {
                fetched.add(workers.submit(() -> cache.fetch(listing, file, progress::step)));
            }
            for (Future<Path> file : fetched) {
                result(file);
            }
        } finally {
            workers.shutdownNow();
        }
        cache.remember(listing.commit());
        return cache.snapshot(listing.commit());
    }

    /**
     * One file. If it is named by a commit and was fetched before, nobody is asked.
     *
     * @throws HubException if no source has it
     */
    public Path file(String path) throws IOException {
        HubFile.requireInside(path);
        Path kept = new HubCache(access.cache(), repository)
                .snapshot(repository.revision())
                .resolve(path);
        if (repository.revision().matches("[0-9a-f]{40}") && Files.exists(kept)) {
            return kept;
        }
        HubListing listing = listing();
        HubFile file = listing.files().stream()
                .filter(f -> f.path().equals(path))
                .findFirst()
                .orElseThrow(() -> new HubException(
                        listing.source() + " has " + repository.id() + ", but no file " + path + " in it", 404, null));
        return fetch(listing, file);
    }

    private Path fetch(HubListing listing, HubFile file) throws IOException {
        if (listing.root() != null) {
            return listing.root().resolve(file.path());
        }
        HubCache cache = new HubCache(access.cache(), listing.repository());
        try (Progress progress = Display.progress(Math.max(0, file.bytes()), file.path())) {
            Path path = cache.fetch(listing, file, progress::step);
            cache.remember(listing.commit());
            return path;
        }
    }

    /**
     * One split of a data set, of those files that {@link #only} lets through: {@code only("zh/*")} chooses among
     * several configurations.
     */
    public Split split(String name) {
        return new Split(name);
    }

    /** The files of a data set that belong together, such as its training set. */
    public final class Split {
        private final String name;

        private Split(String name) {
            this.name = name;
        }

        /**
         * The documents. Each file is fetched when its turn comes, so that the first documents need the first file
         * only.
         *
         * @throws HubException within ten seconds if no source has the data set; says what each answered and what to do
         */
        public Corpus stream() throws IOException {
            HubListing own = listing();
            HubListing listing = of(wanted(own.files())).isEmpty() ? converted(own) : own;
            List<HubFile> files = of(wanted(listing.files()));
            if (files.isEmpty()) {
                throw new HubException(
                        listing.source() + " has " + repository.id() + ", but no data files for the split \"" + name
                                + "\": it has "
                                + listing.files().stream()
                                        .map(HubFile::path)
                                        .limit(20)
                                        .toList(),
                        200,
                        null);
            }
            return Corpus.files(() -> {
                Iterator<HubFile> rest = files.iterator();
                return new Iterator<>() {
                    @Override
                    public boolean hasNext() {
                        return rest.hasNext();
                    }

                    @Override
                    public Path next() {
                        try {
                            return fetch(listing, rest.next());
                        } catch (IOException e) {
                            throw new UncheckedIOException(e.getMessage(), e);
                        }
                    }
                };
            });
        }

        /** Hugging Face keeps Parquet files of data sets that come in other forms, in a branch of its own. */
        private HubListing converted(HubListing own) throws IOException {
            if (!(own.source() instanceof HubSource.HuggingFace) || own.root() != null) {
                return own;
            }
            try {
                HubRepository parquet = new HubRepository(repository.kind(), repository.id(), "refs/convert/parquet");
                return HubListing.of(
                        own.source(),
                        parquet,
                        access.token(own.source()),
                        access.silence(),
                        Instant.now().plus(HubSearch.time(1, access.silence())));
            } catch (HubException e) {
                return own;
            }
        }

        /** By their names as in Python's datasets; where no name speaks of a split, all belong to train. */
        private List<HubFile> of(List<HubFile> files) {
            List<HubFile> data =
                    files.stream().filter(f -> DATA.matcher(f.path()).matches()).toList();
            List<HubFile> chosen = data.stream().filter(f -> speaksOf(name, f)).toList();
            boolean anySplit =
                    SPLITS.keySet().stream().anyMatch(s -> data.stream().anyMatch(f -> speaksOf(s, f)));
            return !chosen.isEmpty() || anySplit || !name.equals("train") ? chosen : data;
        }

        private static boolean speaksOf(String split, HubFile file) {
            String words = SPLITS.getOrDefault(split, Pattern.quote(split));
            return Pattern.compile("(^|[/._ -])(" + words + ")([/._ 0-9-]|$)", Pattern.CASE_INSENSITIVE)
                    .matcher(file.path())
                    .find();
        }
    }

    private List<HubFile> wanted(List<HubFile> files) {
        if (patterns.isEmpty()) {
            return files;
        }
        List<Predicate<Path>> matchers = patterns.stream().map(Hub::matching).toList();
        return files.stream()
                .filter(f -> matchers.stream().anyMatch(m -> m.test(Path.of(f.path()))))
                .toList();
    }

    private static Predicate<Path> matching(String pattern) {
        boolean whole = pattern.startsWith("/");
        PathMatcher glob = FileSystems.getDefault().getPathMatcher("glob:" + (whole ? pattern.substring(1) : pattern));
        return path -> glob.matches(path) || !whole && glob.matches(path.getFileName());
    }

    private HubListing listing() throws IOException {
        return new HubSearch(repository, sources, access).listing();
    }

    private static Path result(Future<Path> file) throws IOException {
        try {
            return file.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HubException("interrupted while fetching", 0, e);
        }
    }

    /** What the usual environment variables say, with the defaults of huggingface_hub. */
    static final class Settings {
        private Settings() {}

        static String variable(String name, String otherwise) {
            String value = System.getenv(name);
            return value == null || value.isBlank() ? otherwise : value.strip();
        }

        /**
         * {@code HF_HUB_CACHE}, else {@code hub} in {@code HF_HOME}, which is {@code huggingface} in the user's cache.
         */
        static Path cache() {
            return Path.of(variable(
                    "HF_HUB_CACHE",
                    variable("HUGGINGFACE_HUB_CACHE", home().resolve("hub").toString())));
        }

        private static Path home() {
            Path user = Path.of(System.getProperty("user.home"));
            Path caches =
                    Path.of(variable("XDG_CACHE_HOME", user.resolve(".cache").toString()));
            return Path.of(variable("HF_HOME", caches.resolve("huggingface").toString()));
        }

        static boolean offline() {
            return variable("HF_HUB_OFFLINE", "0").matches("(?i)1|on|yes|true");
        }

        /** The token that belongs to a source; never put into a message. */
        static Optional<String> token(HubSource source) {
            if (source instanceof HubSource.ModelScope) {
                return Optional.of(variable("MODELSCOPE_API_TOKEN", "")).filter(t -> !t.isEmpty());
            }
            String token = variable("HF_TOKEN", variable("HUGGING_FACE_HUB_TOKEN", ""));
            if (token.isEmpty()) {
                Path file = Path.of(
                        variable("HF_TOKEN_PATH", home().resolve("token").toString()));
                try {
                    token = Files.isRegularFile(file) ? Files.readString(file).strip() : "";
                } catch (IOException e) {
                    token = "";
                }
            }
            return Optional.of(token).filter(t -> !t.isEmpty());
        }
    }
}
