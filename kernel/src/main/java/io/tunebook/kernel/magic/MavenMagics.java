package io.tunebook.kernel.magic;

import eu.maveniverse.maven.mima.context.Context;
import eu.maveniverse.maven.mima.context.ContextOverrides;
import eu.maveniverse.maven.mima.context.Runtimes;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import io.tunebook.kernel.eval.CellEvaluator;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.eclipse.aether.DefaultRepositorySystemSession;
import org.eclipse.aether.RepositoryException;
import org.eclipse.aether.artifact.Artifact;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.collection.CollectRequest;
import org.eclipse.aether.graph.Dependency;
import org.eclipse.aether.repository.RemoteRepository;
import org.eclipse.aether.resolution.ArtifactRequest;
import org.eclipse.aether.resolution.ArtifactResult;
import org.eclipse.aether.resolution.DependencyRequest;
import org.eclipse.aether.transfer.AbstractTransferListener;
import org.eclipse.aether.transfer.TransferEvent;
import org.eclipse.aether.util.artifact.SubArtifact;
import org.eclipse.aether.util.filter.DependencyFilterUtils;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** Dependencies from Maven repositories, by Maven's own resolver with the user's settings.xml, mirrors, proxies and local repository. */
final class MavenMagics {
    private final CellEvaluator evaluator;
    private final List<RemoteRepository> repositories = new ArrayList<>();
    private final Map<Path, Artifact> added = new ConcurrentHashMap<>();
    private final Map<Path, Optional<Path>> sources = new ConcurrentHashMap<>();

    MavenMagics(CellEvaluator evaluator) {
        this.evaluator = evaluator;
        evaluator.findSources(jar -> sources.computeIfAbsent(jar, this::sources));
    }

    List<Magic> all() {
        String coordinates = "[--from URL] GROUP:ARTIFACT[:TYPE[:CLASSIFIER]]:VERSION ...";
        String dependency = "Adds artifacts of Maven repositories and all that they need to the class path.";
        String repository = "Adds a Maven repository to those that are asked.";
        Magic.Action add = (a, rest, body) -> maven(a);
        Magic.Action addRepository = (a, rest, body) -> repository(a);
        return List.of(
                new Magic("%maven", coordinates, dependency, add),
                new Magic("%addMavenDependency", coordinates, dependency, add),
                new Magic("%addMavenDependencies", coordinates, dependency, add),
                new Magic("%mavenRepo", "ID URL", repository, addRepository),
                new Magic("%addMavenRepo", "ID URL", repository, addRepository),
                new Magic(
                        "%loadFromPOM",
                        "FILE",
                        "Adds the dependencies of a pom.xml.",
                        (a, rest, body) -> pom(Files.readString(Path.of(rest), StandardCharsets.UTF_8))),
                new Magic(
                        "%%loadFromPOM",
                        "",
                        "Adds the dependencies that the cell lists as in a pom.xml.",
                        (a, rest, body) -> pom(body)));
    }

    private Object maven(List<String> arguments) throws Exception {
        List<String> coordinates = new ArrayList<>();
        for (Iterator<String> words = arguments.iterator(); words.hasNext(); ) {
            String word = words.next();
            if (word.startsWith("--from")) { // IJava's: one more repository
                String url = word.startsWith("--from=") ? word.substring(7) : words.next();
                repository(List.of("from-" + repositories.size(), url));
            } else if (!word.equals("-v") && !word.equals("--verbose")) {
                coordinates.add(word);
            }
        }
        if (coordinates.isEmpty()) {
            throw new IllegalArgumentException("expected GROUP:ARTIFACT:VERSION, found nothing");
        }
        resolve(coordinates.stream()
                .map(c -> new Dependency(new DefaultArtifact(c), "runtime"))
                .toList());
        return null;
    }

    private Object repository(List<String> arguments) {
        if (arguments.size() != 2) {
            throw new IllegalArgumentException("expected an id and a URL, found " + arguments);
        }
        repositories.add(new RemoteRepository.Builder(arguments.get(0), "default", arguments.get(1)).build());
        return null;
    }

    private Object pom(String text) throws Exception {
        Document xml = parse(text);
        NodeList repos = xml.getElementsByTagName("repository");
        for (int i = 0; i < repos.getLength(); i++) {
            Element r = (Element) repos.item(i);
            repository(List.of(child(r, "id", "repository-" + i), child(r, "url", "")));
        }
        List<Dependency> dependencies = new ArrayList<>();
        NodeList list = xml.getElementsByTagName("dependency");
        for (int i = 0; i < list.getLength(); i++) {
            Element d = (Element) list.item(i);
            String scope = child(d, "scope", "compile");
            if (!d.getParentNode().getParentNode().getNodeName().equals("dependencyManagement")
                    && !scope.equals("test")
                    && !scope.equals("provided")) {
                dependencies.add(new Dependency(
                        new DefaultArtifact(
                                child(d, "groupId", ""),
                                child(d, "artifactId", ""),
                                child(d, "classifier", ""),
                                child(d, "type", "jar"),
                                child(d, "version", "")),
                        "runtime"));
            }
        }
        if (dependencies.isEmpty()) {
            throw new IllegalArgumentException("expected <dependency> elements, found none");
        }
        resolve(dependencies);
        return null;
    }

    /** A fragment of a POM is welcome too, so it is given a root. */
    private static Document parse(String text) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        String fragment = text.strip().replaceFirst("^<\\?xml[^>]*\\?>", "");
        return factory.newDocumentBuilder()
                .parse(new InputSource(new StringReader("<cell><pom>" + fragment + "</pom></cell>")));
    }

    private static String child(Element e, String name, String otherwise) {
        NodeList found = e.getElementsByTagName(name);
        return found.getLength() == 0
                ? otherwise
                : found.item(0).getTextContent().strip();
    }

    private void resolve(List<Dependency> dependencies) throws RepositoryException {
        try (Context context = context();
                Progress progress = Display.progress(0, "Maven")) {
            DefaultRepositorySystemSession session =
                    new DefaultRepositorySystemSession(context.repositorySystemSession());
            session.setTransferListener(new AbstractTransferListener() {
                @Override
                public void transferSucceeded(TransferEvent event) {
                    progress.message(event.getResource().getResourceName().replaceAll(".*/", ""));
                    progress.step();
                }
            });
            CollectRequest collect = new CollectRequest(dependencies, List.of(), repositories(context));
            List<ArtifactResult> results = context.repositorySystem()
                    .resolveDependencies(
                            session, new DependencyRequest(collect, DependencyFilterUtils.classpathFilter("runtime")))
                    .getArtifactResults();
            for (ArtifactResult r : results) {
                Path file = r.getArtifact().getFile().toPath().toAbsolutePath();
                if (added.put(file, r.getArtifact()) == null) {
                    evaluator.addToClassPath(file.toString());
                }
            }
        }
    }

    /** The sources of a jar that came from a repository, fetched when somebody asks for help. */
    private Optional<Path> sources(Path jar) {
        Artifact artifact = added.get(jar);
        if (artifact == null) {
            return Optional.empty();
        }
        try (Context context = context()) {
            ArtifactRequest request =
                    new ArtifactRequest(new SubArtifact(artifact, "sources", "jar"), repositories(context), null);
            return Optional.of(context.repositorySystem()
                    .resolveArtifact(context.repositorySystemSession(), request)
                    .getArtifact()
                    .getFile()
                    .toPath());
        } catch (RepositoryException e) {
            return Optional.empty(); // not every library has them
        }
    }

    private static Context context() {
        return Runtimes.INSTANCE
                .getRuntime()
                .create(ContextOverrides.create().withUserSettings(true).build());
    }

    private List<RemoteRepository> repositories(Context context) {
        List<RemoteRepository> all = new ArrayList<>(context.remoteRepositories());
        all.addAll(
                context.repositorySystem().newResolutionRepositories(context.repositorySystemSession(), repositories));
        return all;
    }
}
