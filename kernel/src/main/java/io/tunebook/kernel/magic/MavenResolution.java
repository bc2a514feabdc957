package io.tunebook.kernel.magic;

import eu.maveniverse.maven.mima.context.Context;
import eu.maveniverse.maven.mima.context.ContextOverrides;
import eu.maveniverse.maven.mima.context.Runtimes;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.maven.model.Model;
import org.eclipse.aether.DefaultRepositorySystemSession;
import org.eclipse.aether.RepositoryException;
import org.eclipse.aether.artifact.Artifact;
import org.eclipse.aether.artifact.ArtifactType;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.collection.CollectRequest;
import org.eclipse.aether.graph.Dependency;
import org.eclipse.aether.graph.Exclusion;
import org.eclipse.aether.repository.RemoteRepository;
import org.eclipse.aether.resolution.ArtifactRequest;
import org.eclipse.aether.resolution.ArtifactResult;
import org.eclipse.aether.resolution.DependencyRequest;
import org.eclipse.aether.transfer.AbstractTransferListener;
import org.eclipse.aether.transfer.TransferEvent;
import org.eclipse.aether.util.artifact.SubArtifact;
import org.eclipse.aether.util.filter.DependencyFilterUtils;
import org.eclipse.aether.util.version.GenericVersionScheme;
import org.eclipse.aether.version.InvalidVersionSpecificationException;
import org.eclipse.aether.version.Version;

/**
 * All dependencies of a session, resolved together by Maven's own resolver with the user's settings.xml, mirrors,
 * proxies and local repository. Of an artifact that two calls bring in two versions the newer counts.
 */
final class MavenResolution {
    private static final int CONNECT = 10_000; // ms
    private static final int IDLE = 30_000; // ms
    private static final int HELP = 800; // ms that help waits for sources
    private static final GenericVersionScheme VERSIONS = new GenericVersionScheme();
    private final CellEvaluator evaluator;
    private final List<RemoteRepository> repositories = new ArrayList<>();
    private final Map<String, Dependency> roots = new LinkedHashMap<>();
    private final Map<String, Dependency> managed = new LinkedHashMap<>();
    private final Map<String, Artifact> resolved = new LinkedHashMap<>();
    private final Map<Path, Artifact> added = new ConcurrentHashMap<>();
    private final Map<Path, CompletableFuture<Optional<Path>>> sources = new ConcurrentHashMap<>();
    private final Set<String> said = new HashSet<>();
    private Path local;

    MavenResolution(CellEvaluator evaluator) {
        this.evaluator = evaluator;
        evaluator.sources().findBy(this::sources);
    }

    void repository(RemoteRepository repository) {
        repositories.removeIf(r -> r.getId().equals(repository.getId()));
        repositories.add(repository);
    }

    /** All repositories that are asked, in their order. */
    List<String> repositories() {
        try (Context context = context()) {
            return repositories(context).stream()
                    .map(r -> r.getId() + " " + r.getUrl())
                    .toList();
        }
    }

    /** All that is on the class path by Maven, as coordinates. */
    List<String> artifacts() {
        return resolved.values().stream().map(Artifact::toString).toList();
    }

    /** What was asked for, as coordinates. */
    List<String> roots() {
        return roots.values().stream().map(d -> d.getArtifact().toString()).toList();
    }

    /** Adds dependencies to those that are there; {@code management} has versions for what they need. */
    void resolve(List<Dependency> dependencies, List<Dependency> management) throws CellException {
        Map<String, Dependency> all = new LinkedHashMap<>(roots);
        Map<String, Dependency> versions = new LinkedHashMap<>(managed);
        management.forEach(d -> versions.put(key(d.getArtifact()), d));
        for (Dependency d : dependencies) {
            Dependency before = all.get(key(d.getArtifact()));
            if (before != null && isNewer(before.getArtifact(), d.getArtifact())) {
                say(d.getArtifact() + " was asked for; the session has "
                        + before.getArtifact().getVersion() + ", which is newer and stays");
            } else {
                all.put(key(d.getArtifact()), d);
            }
        }
        // Where an interrupt reaches it; what it finds counts only when it is done.
        List<Artifact> found = evaluator.call(() -> {
            try {
                return resolve(all, versions);
            } catch (RepositoryException e) {
                throw unresolved(e);
            }
        });
        roots.putAll(all);
        managed.putAll(versions);
        for (Artifact a : found) {
            take(a);
        }
        Loggers.quieted(found.stream().map(MavenResolution::name).toList()).stream()
                .filter(said::add)
                .forEach(code -> say("A logger came along. To see its warnings alone: " + code));
    }

    /** Where the resolver stood in its own code says nothing to who asked for an artifact. */
    private static CellException unresolved(RepositoryException e) {
        return new CellException(e.getClass().getSimpleName(), e.getMessage(), List.of(e.getMessage()), e);
    }

    private List<Artifact> resolve(Map<String, Dependency> all, Map<String, Dependency> versions)
            throws RepositoryException {
        try (Context context = context();
                Progress progress = Display.progress(0, "Maven")) {
            DefaultRepositorySystemSession session = session(context);
            session.setTransferListener(new AbstractTransferListener() {
                @Override
                public void transferSucceeded(TransferEvent event) {
                    progress.message(event.getResource().getResourceName().replaceAll(".*/", ""));
                    progress.step();
                }
            });
            Map<String, Dependency> pinned = new LinkedHashMap<>(versions);
            while (true) {
                CollectRequest collect = new CollectRequest(
                        List.copyOf(all.values()), List.copyOf(pinned.values()), repositories(context));
                List<Artifact> found = context
                        .repositorySystem()
                        .resolveDependencies(
                                session,
                                new DependencyRequest(collect, DependencyFilterUtils.classpathFilter("runtime")))
                        .getArtifactResults()
                        .stream()
                        .map(ArtifactResult::getArtifact)
                        .toList();
                // The resolver takes the nearest version; what the session has already is not to become older.
                List<Artifact> older = found.stream()
                        .filter(a -> resolved.containsKey(key(a)) && isNewer(resolved.get(key(a)), a))
                        .filter(a -> !all.containsKey(key(a)))
                        .filter(a ->
                                !version(pinned, a).equals(resolved.get(key(a)).getVersion()))
                        .toList();
                if (older.isEmpty()) {
                    return found;
                }
                older.forEach(a -> pinned.put(
                        key(a), new Dependency(a.setVersion(resolved.get(key(a)).getVersion()), "runtime")));
            }
        }
    }

    private static String version(Map<String, Dependency> of, Artifact a) {
        Dependency d = of.get(key(a));
        return d == null ? "" : d.getArtifact().getVersion();
    }

    /** Puts an artifact on the class path, in place of another version of it that nobody uses yet. */
    private void take(Artifact artifact) {
        Path file = artifact.getFile().toPath().toAbsolutePath();
        Artifact before = resolved.get(key(artifact));
        if (before != null && !before.getVersion().equals(artifact.getVersion())) {
            Path old = before.getFile().toPath().toAbsolutePath();
            if (!evaluator.removeFromClassPath(old)) {
                String notice = name(before) + " is in use in version " + before.getVersion() + "; to use "
                        + artifact.getVersion() + ", restart the kernel and ask for it first";
                if (said.add(notice)) { // not at each later call
                    say(notice);
                }
                return;
            }
            added.remove(old);
            say(name(artifact) + " " + artifact.getVersion() + " takes the place of " + before.getVersion());
        }
        resolved.put(key(artifact), artifact);
        if (added.put(file, artifact) == null) {
            evaluator.addToClassPath(file.toString());
        }
    }

    private static void say(String text) {
        System.out.println(text.endsWith(";") ? text : text + ".");
    }

    private static String name(Artifact a) {
        return a.getGroupId() + ":" + a.getArtifactId();
    }

    private static String key(Artifact a) {
        return name(a) + ":" + a.getExtension() + ":" + a.getClassifier();
    }

    private static boolean isNewer(Artifact a, Artifact than) {
        try {
            Version one = VERSIONS.parseVersion(a.getVersion());
            Version other = VERSIONS.parseVersion(than.getVersion());
            return one.compareTo(other) > 0;
        } catch (InvalidVersionSpecificationException e) {
            return false; // neither says more than the other
        }
    }

    // ---- a POM

    /** Adds the dependencies of a POM. */
    void pom(String pom, List<String> profiles) throws CellException {
        List<Dependency> dependencies = new ArrayList<>();
        List<Dependency> management = new ArrayList<>();
        Model model = evaluator.call(() -> {
            try (Context context = context()) {
                DefaultRepositorySystemSession session = session(context);
                Model effective =
                        MavenPom.effective(pom, profiles, context.repositorySystem(), session, repositories(context));
                effective.getDependencies().stream()
                        .filter(d -> !"test".equals(d.getScope()) && !"provided".equals(d.getScope()))
                        .forEach(d -> dependencies.add(dependency(d, session)));
                if (effective.getDependencyManagement() != null) {
                    effective
                            .getDependencyManagement()
                            .getDependencies()
                            .forEach(d -> management.add(dependency(d, session)));
                }
                return effective;
            }
        });
        if (dependencies.isEmpty()) {
            throw new IllegalArgumentException("expected <dependency> elements, found none");
        }
        model.getRepositories().stream()
                .filter(r -> !r.getId().equals("central"))
                .forEach(r -> repository(MavenPom.remote(r)));
        resolve(dependencies, management);
    }

    private static Dependency dependency(org.apache.maven.model.Dependency d, DefaultRepositorySystemSession session) {
        ArtifactType type = session.getArtifactTypeRegistry().get(d.getType());
        String classifier = d.getClassifier() != null && !d.getClassifier().isEmpty()
                ? d.getClassifier()
                : type == null ? "" : type.getClassifier();
        Artifact artifact = new DefaultArtifact(
                d.getGroupId(),
                d.getArtifactId(),
                classifier,
                type == null ? d.getType() : type.getExtension(),
                d.getVersion());
        List<Exclusion> exclusions = d.getExclusions().stream()
                .map(e -> new Exclusion(e.getGroupId(), e.getArtifactId(), "*", "*"))
                .toList();
        String scope = d.getScope() == null || d.getScope().equals("compile") ? "runtime" : d.getScope();
        return new Dependency(artifact, scope, false, exclusions);
    }

    // ---- help and completion

    /**
     * The sources of a jar that came from a repository; help does not wait long for them, and finds them the next time.
     */
    private Optional<Path> sources(Path jar) {
        Artifact artifact = added.get(jar);
        if (artifact == null) {
            return Optional.empty();
        }
        try {
            return sources.computeIfAbsent(jar, j -> CompletableFuture.supplyAsync(() -> fetchSources(artifact)))
                    .get(HELP, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            return Optional.empty();
        }
    }

    private Optional<Path> fetchSources(Artifact artifact) {
        try (Context context = context()) {
            ArtifactRequest request =
                    new ArtifactRequest(new SubArtifact(artifact, "sources", "jar"), repositories(context), null);
            return Optional.of(context.repositorySystem()
                    .resolveArtifact(session(context), request)
                    .getArtifact()
                    .getFile()
                    .toPath());
        } catch (RepositoryException e) {
            return Optional.empty(); // not every library has them
        }
    }

    /** Coordinates that the local repository has. */
    List<String> complete(String typed) {
        String[] parts = typed.split(":", -1);
        Path root = local();
        try {
            if (parts.length == 1) {
                int dot = typed.lastIndexOf('.') + 1;
                String group = typed.substring(0, Math.max(dot - 1, 0));
                List<String> found = new ArrayList<>();
                for (Path f : folders(root.resolve(group.replace('.', File.separatorChar)))) {
                    String name = f.getFileName().toString();
                    if (name.startsWith(typed.substring(dot))) {
                        found.add(versions(f).isEmpty() ? typed.substring(0, dot) + name : group + ":" + name + ":");
                    }
                }
                for (Path f : folders(root.resolve(typed.replace('.', File.separatorChar)))) {
                    if (!typed.endsWith(".") && !versions(f).isEmpty()) {
                        found.add(typed + ":" + f.getFileName() + ":");
                    }
                }
                return found.stream().distinct().sorted().toList();
            }
            Path group = root.resolve(parts[0].replace('.', File.separatorChar));
            if (parts.length == 2) {
                return folders(group).stream()
                        .filter(f -> !versions(f).isEmpty())
                        .map(f -> f.getFileName().toString())
                        .filter(n -> n.startsWith(parts[1]))
                        .map(n -> parts[0] + ":" + n + ":")
                        .toList();
            }
            return versions(group.resolve(parts[1])).stream()
                    .filter(v -> v.startsWith(parts[2]))
                    .map(v -> parts[0] + ":" + parts[1] + ":" + v)
                    .toList();
        } catch (RuntimeException e) {
            return List.of(); // not a name of a folder
        }
    }

    private synchronized Path local() {
        if (local == null) {
            try (Context context = context()) {
                local = context.repositorySystemSession()
                        .getLocalRepository()
                        .getBasedir()
                        .toPath();
            }
        }
        return local;
    }

    private static List<String> versions(Path artifact) {
        return folders(artifact).stream()
                .filter(v -> Files.isRegularFile(v.resolve(artifact.getFileName() + "-" + v.getFileName() + ".pom")))
                .map(v -> v.getFileName().toString())
                .toList();
    }

    private static List<Path> folders(Path of) {
        if (!Files.isDirectory(of)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(of)) {
            return all.filter(Files::isDirectory).sorted().toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    // ---- Maven

    private static Context context() {
        return Runtimes.INSTANCE
                .getRuntime()
                .create(ContextOverrides.create().withUserSettings(true).build());
    }

    /** A repository that does not answer is given up. */
    private static DefaultRepositorySystemSession session(Context context) {
        DefaultRepositorySystemSession session = new DefaultRepositorySystemSession(context.repositorySystemSession());
        session.setConfigProperty("aether.connector.connectTimeout", CONNECT);
        session.setConfigProperty("aether.connector.requestTimeout", IDLE);
        session.setConfigProperty("aether.connector.http.retryHandler.count", 1);
        return session;
    }

    private List<RemoteRepository> repositories(Context context) {
        List<RemoteRepository> all = new ArrayList<>(context.remoteRepositories());
        all.addAll(
                context.repositorySystem().newResolutionRepositories(context.repositorySystemSession(), repositories));
        return all;
    }
}
