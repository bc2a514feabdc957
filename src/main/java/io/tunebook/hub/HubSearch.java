package io.tunebook.hub;

import io.tunebook.hub.HubListing.HubRepository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * Finds out which source has a repository. Knows nothing of patterns and of splits.
 *
 * @param sources in the order in which they are asked; none for the usual two
 */
record HubSearch(HubRepository repository, List<HubSource> sources, Hub.Access access) {
    /** So long several sources together have time to say what files there are. */
    static final Duration LISTING = Duration.ofSeconds(9);

    private static final Duration HEDGE = Duration.ofSeconds(3);
    /** Shared by all searches: its threads are daemons, and go after a minute without work. */
    private static final ExecutorService ASKING = Executors.newCachedThreadPool(run -> {
        Thread thread = new Thread(run, "hub");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * How long sources have in all. Where there is one alone nobody else could answer, so that it has as long as its
     * connection may be silent: on a busy machine nine seconds may pass before a new process has read one answer.
     */
    static Duration time(int sources, Duration silence) {
        return sources == 1 && silence.compareTo(LISTING) > 0 ? silence : LISTING;
    }

    /** Asks the sources one after the other, without waiting long for any while another may answer. */
    HubListing listing() throws IOException {
        List<HubSource> order = order();
        Duration time = time(order.size(), access.silence());
        Instant deadline = Instant.now().plus(time);
        Duration fair = LISTING.dividedBy(order.size());
        Duration patience = fair.compareTo(HEDGE) < 0 ? fair : HEDGE;
        Map<HubSource, Future<HubListing>> asked = new LinkedHashMap<>();
        Map<HubSource, String> answers = new LinkedHashMap<>();
        if (access.offline()) {
            answers.put(order.get(0), "not asked, because HF_HUB_OFFLINE is set");
        } else {
            for (HubSource source : order) {
                asked.put(source, ask(source, deadline));
                for (HubSource earlier : List.copyOf(asked.keySet())) {
                    Duration wait = earlier.equals(source) ? patience : Duration.ZERO;
                    Optional<HubListing> found = answer(earlier, asked, answers, wait);
                    if (found.isPresent()) {
                        return found.get();
                    }
                }
            }
            while (!asked.isEmpty() && Instant.now().isBefore(deadline.plusMillis(500))) {
                for (HubSource source : List.copyOf(asked.keySet())) {
                    Optional<HubListing> found = answer(source, asked, answers, Duration.ofMillis(50));
                    if (found.isPresent()) {
                        return found.get();
                    }
                }
            }
            giveUp(asked);
            asked.forEach((source, pending) -> answers.put(source, "did not answer in " + time.toSeconds() + " s"));
        }
        Optional<Path> cached = new HubCache(access.cache(), repository).snapshot();
        if (cached.isPresent()) {
            return cached(cached.get());
        }
        throw new HubException(failure(answers), 0, null);
    }

    private List<HubSource> order() {
        if (!sources.isEmpty()) {
            return sources;
        }
        return order(access.cache(), HubSource.huggingFace(), HubSource.modelScope());
    }

    /** The second first, if of the two only the first could not be reached lately. */
    static List<HubSource> order(Path cache, HubSource first, HubSource second) {
        return HubCache.isLast(cache, first) && !HubCache.isLast(cache, second)
                ? List.of(second, first)
                : List.of(first, second);
    }

    private Future<HubListing> ask(HubSource source, Instant deadline) {
        return ASKING.submit(() -> HubListing.of(source, repository, access.token(source), access.silence(), deadline));
    }

    private Optional<HubListing> answer(
            HubSource source, Map<HubSource, Future<HubListing>> asked, Map<HubSource, String> answers, Duration wait)
            throws IOException {
        Future<HubListing> pending = asked.get(source);
        try {
            HubListing found = pending.get(wait.toMillis(), TimeUnit.MILLISECONDS);
            asked.remove(source);
            giveUp(asked);
            HubCache.askLast(access.cache(), source, Duration.ZERO);
            return Optional.of(found);
        } catch (TimeoutException e) {
            return Optional.empty();
        } catch (ExecutionException e) {
            asked.remove(source);
            answers.put(source, String.valueOf(e.getCause().getMessage()));
            if (e.getCause() instanceof HubException he && he.status() == 0) {
                HubCache.askLast(access.cache(), source, he.noConnection() ? HubCache.UNREACHABLE : HubCache.SLOW);
            }
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new HubException("interrupted while asking " + source, 0, e);
        }
    }

    /** Those that were still silent when another answered, or when the time was up. */
    private void giveUp(Map<HubSource, Future<HubListing>> silent) {
        silent.forEach((source, pending) -> {
            pending.cancel(true);
            HubCache.askLast(access.cache(), source, HubCache.SLOW);
        });
    }

    /** What an earlier fetch, ours or Python's, has left. */
    private HubListing cached(Path snapshot) throws IOException {
        List<HubFile> files = new ArrayList<>();
        try (Stream<Path> all = Files.walk(snapshot)) {
            for (Path file : all.filter(Files::isRegularFile).sorted().toList()) {
                String path = snapshot.relativize(file)
                        .toString()
                        .replace(file.getFileSystem().getSeparator(), "/");
                files.add(new HubFile(path, Files.size(file), ""));
            }
        }
        return new HubListing(Optional.empty(), repository, HubSource.folder(snapshot), "", files, snapshot);
    }

    private String failure(Map<HubSource, String> answers) {
        StringBuilder text = new StringBuilder("no source gave the " + repository.kind() + " " + repository.id() + " ("
                + repository.revision() + ") and the cache " + access.cache() + " does not hold it:");
        answers.forEach((source, said) ->
                text.append("\n  ").append(source).append(" → ").append(said));
        return text.append(
                        "\nWhat to do: set HF_ENDPOINT to a mirror that you can reach; or name a source, as in .from(HubSource.modelScope());")
                .append(
                        " or fetch the files elsewhere and give their folder: .from(HubSource.folder(Path.of(\"data\")))")
                .append(repository.kind().equals("dataset") ? " or Corpus.open(\"data/part-*.json\")." : ".")
                .toString();
    }
}
