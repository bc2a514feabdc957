package io.tunebook.kernel.magic;

import io.tunebook.kernel.eval.CellEvaluator;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.graph.Dependency;
import org.eclipse.aether.repository.RemoteRepository;
import org.eclipse.aether.repository.RepositoryPolicy;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** Dependencies from Maven repositories, by the names that IJava, JJava, Rapaio and Ganymede give these magics. */
final class MavenMagics {
    private static final String DEPENDENCY =
            "Adds artifacts of Maven repositories and all that they need to the class path.";
    private static final String COORDINATES = "[--from URL] GROUP:ARTIFACT[:TYPE[:CLASSIFIER]]:VERSION ...";

    private static final List<String> COMMANDS =
            List.of("/add", "/resolve", "/add-repo", "/list-repos", "/list-dependencies", "/list-artifacts");

    private final Shell shell;
    private final MavenResolution resolution;
    private final List<Dependency> waiting = new ArrayList<>();
    private int named;

    MavenMagics(CellEvaluator evaluator, Shell shell) {
        this.shell = shell;
        resolution = new MavenResolution(evaluator);
    }

    List<Magic> all() {
        List<Magic> all = new ArrayList<>();
        for (String name : List.of("%maven", "%addMavenDependency", "%addMavenDependencies")) {
            all.add(new Magic(name, COORDINATES, DEPENDENCY, resolution::complete, (a, rest, body) -> maven(a)));
        }
        for (String name : List.of("%mavenRepo", "%addMavenRepo")) {
            all.add(new Magic(
                    name,
                    "ID URL",
                    "Adds a Maven repository to those that are asked.",
                    (a, rest, body) -> repository(a)));
        }
        all.add(new Magic(
                "%loadFromPOM",
                "FILE",
                "Adds the dependencies of a pom.xml.",
                (a, rest, body) -> pom(Files.readString(shell.file(rest.strip()), StandardCharsets.UTF_8), List.of())));
        all.add(new Magic(
                "%%loadFromPOM",
                "[-P PROFILE,...]",
                "Adds the dependencies of a POM, or of a part of one.",
                (a, rest, body) -> pom(body, a)));
        all.add(new Magic(
                "%%pom",
                "[-P PROFILE,...]",
                "Adds the dependencies of a POM, or of a list of dependencies and repositories in YAML.",
                (a, rest, body) -> body.isBlank() || body.stripLeading().startsWith("<") ? pom(body, a) : yaml(body)));
        all.add(new Magic(
                "%dependency",
                "/add GROUP:ARTIFACT:VERSION | /resolve | /add-repo ID URL [release|WHEN] [snapshot|WHEN] | /list-repos"
                        + " | /list-dependencies | /list-artifacts",
                "Notes dependencies and adds them to the class path.",
                typed -> typed.startsWith("/")
                        ? COMMANDS.stream().filter(c -> c.startsWith(typed)).toList()
                        : resolution.complete(typed),
                (a, rest, body) -> dependency(a)));
        return all;
    }

    private Object maven(List<String> arguments) throws Exception {
        List<Dependency> dependencies = new ArrayList<>();
        for (Iterator<String> words = arguments.iterator(); words.hasNext(); ) {
            String word = words.next();
            if (word.startsWith("--from")) { // IJava's: one more repository
                add("from-" + named++, word.startsWith("--from=") ? word.substring(7) : words.next());
            } else if (!word.equals("-v") && !word.equals("--verbose")) {
                dependencies.add(dependency(word));
            }
        }
        if (dependencies.isEmpty()) {
            throw new IllegalArgumentException("expected GROUP:ARTIFACT:VERSION, found nothing");
        }
        resolution.resolve(dependencies, List.of());
        return null;
    }

    private static Dependency dependency(String coordinates) {
        return new Dependency(new DefaultArtifact(coordinates), "runtime");
    }

    /** Rapaio's: what is added counts when it is resolved. */
    private Object dependency(List<String> arguments) throws Exception {
        String command = arguments.isEmpty() ? "" : arguments.get(0);
        switch (command) {
            case "/add" ->
                arguments.stream()
                        .skip(1)
                        .filter(a -> !a.startsWith("/") && !a.startsWith("-")) // such as --optional
                        .forEach(a -> waiting.add(dependency(a)));
            case "/resolve" -> {
                resolution.resolve(List.copyOf(waiting), List.of());
                waiting.clear();
            }
            case "/list-dependencies" -> {
                return resolution.roots();
            }
            case "/list-artifacts" -> {
                return resolution.artifacts();
            }
            case "/add-repo" -> policies(arguments.subList(1, arguments.size()));
            case "/list-repos" -> {
                return resolution.repositories();
            }
            default ->
                throw new IllegalArgumentException("expected one of " + String.join(", ", COMMANDS) + "; found "
                        + (arguments.isEmpty() ? "nothing" : command));
        }
        return null;
    }

    private Object repository(List<String> arguments) {
        if (arguments.size() != 2) {
            throw new IllegalArgumentException("expected an id and a URL, found " + arguments);
        }
        add(arguments.get(0), arguments.get(1));
        return null;
    }

    /**
     * A repository with how often it is asked for news: never, always, daily or interval:MINUTES. Snapshots are taken
     * where that is said, and from folders.
     */
    private void policies(List<String> arguments) {
        if (arguments.size() < 2) {
            throw new IllegalArgumentException("expected an id and a URL, found " + arguments);
        }
        String url = arguments.get(1);
        resolution.repository(new RemoteRepository.Builder(arguments.get(0), "default", url)
                .setReleasePolicy(policy(arguments, "release", true))
                .setSnapshotPolicy(policy(arguments, "snapshot", url.startsWith("file:")))
                .build());
    }

    private static RepositoryPolicy policy(List<String> arguments, String kind, boolean otherwise) {
        for (String a : arguments) {
            String[] parts = a.split("\\|", 2);
            if (parts[0].equals(kind)) {
                return new RepositoryPolicy(
                        true,
                        parts.length > 1 ? parts[1] : RepositoryPolicy.UPDATE_POLICY_NEVER,
                        RepositoryPolicy.CHECKSUM_POLICY_WARN);
            }
        }
        return new RepositoryPolicy(
                otherwise, RepositoryPolicy.UPDATE_POLICY_NEVER, RepositoryPolicy.CHECKSUM_POLICY_WARN);
    }

    private void add(String id, String url) {
        resolution.repository(new RemoteRepository.Builder(id, "default", url).build());
    }

    private Object pom(String text, List<String> arguments) throws Exception {
        List<String> profiles = new ArrayList<>();
        for (String a : arguments) {
            if (!a.equals("-P")) {
                profiles.addAll(List.of(a.replaceFirst("^-P", "").split(",")));
            }
        }
        resolution.pom(MavenPom.whole(text), profiles);
        return null;
    }

    /** Ganymede's: a map with a list of dependencies and one of repositories. */
    private Object yaml(String text) throws Exception {
        if (!(new Load(LoadSettings.builder().build()).loadFromString(text) instanceof Map<?, ?> map)) {
            throw new IllegalArgumentException("expected repositories: and dependencies:, found " + text.strip());
        }
        for (Object r : list(map.get("repositories"))) {
            if (r instanceof Map<?, ?> repository && repository.get("url") != null) {
                Object id = repository.get("id");
                add(
                        id == null ? "pom-" + named++ : id.toString(),
                        repository.get("url").toString());
            }
        }
        List<Dependency> dependencies = new ArrayList<>();
        for (Object d : list(map.get("dependencies"))) {
            dependencies.add(
                    d instanceof Map<?, ?> one
                            ? new Dependency(
                                    new DefaultArtifact(
                                            text(one, "groupId", ""),
                                            text(one, "artifactId", ""),
                                            text(one, "classifier", ""),
                                            text(one, "type", "jar"),
                                            text(one, "version", "")),
                                    "runtime")
                            : dependency(String.valueOf(d)));
        }
        resolution.resolve(dependencies, List.of());
        return null;
    }

    private static List<?> list(Object value) {
        return value instanceof List<?> list ? list : List.of();
    }

    private static String text(Map<?, ?> map, String name, String otherwise) {
        Object value = map.get(name);
        return value == null ? otherwise : value.toString();
    }
}
