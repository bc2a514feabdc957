package io.tunebook.kernel.magic;

import java.io.StringReader;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.maven.model.Dependency;
import org.apache.maven.model.Model;
import org.apache.maven.model.Parent;
import org.apache.maven.model.Repository;
import org.apache.maven.model.building.DefaultModelBuilderFactory;
import org.apache.maven.model.building.DefaultModelBuildingRequest;
import org.apache.maven.model.building.FileModelSource;
import org.apache.maven.model.building.ModelBuildingException;
import org.apache.maven.model.building.ModelBuildingRequest;
import org.apache.maven.model.building.ModelSource;
import org.apache.maven.model.building.ModelSource2;
import org.apache.maven.model.building.StringModelSource;
import org.apache.maven.model.resolution.ModelResolver;
import org.apache.maven.model.resolution.UnresolvableModelException;
import org.eclipse.aether.RepositoryException;
import org.eclipse.aether.RepositorySystem;
import org.eclipse.aether.RepositorySystemSession;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.repository.RemoteRepository;
import org.eclipse.aether.resolution.ArtifactRequest;
import org.eclipse.aether.resolution.VersionRangeRequest;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;

/** A POM as Maven reads it: with parents, properties, profiles and imported dependency management. */
final class MavenPom {
    private MavenPom() {}

    /** A whole POM of a part of one: elements such as {@code dependency} stand in a project. */
    static String whole(String text) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        String fragment = text.strip().replaceFirst("^<\\?xml[^>]*\\?>", "");
        Document xml =
                factory.newDocumentBuilder().parse(new InputSource(new StringReader("<cell>" + fragment + "</cell>")));
        List<Element> parts = elements(xml.getDocumentElement());
        Element project = parts.size() == 1 && parts.get(0).getTagName().equals("project")
                ? parts.get(0)
                : xml.createElement("project");
        if (!parts.contains(project)) {
            for (Element part : parts) {
                String name = part.getTagName();
                switch (name) {
                    case "dependency" -> child(project, "dependencies").appendChild(part);
                    case "repository" -> child(project, "repositories").appendChild(part);
                    case "profile" -> child(project, "profiles").appendChild(part);
                    case "dependencies", "repositories", "properties", "profiles" -> {
                        Element to = child(project, name);
                        elements(part).forEach(to::appendChild);
                    }
                    default -> project.appendChild(part);
                }
            }
        }
        boolean hasParent =
                elements(project).stream().anyMatch(e -> e.getTagName().equals("parent"));
        defaults(project, "modelVersion", "4.0.0");
        defaults(project, "artifactId", "cell");
        if (!hasParent) {
            defaults(project, "groupId", "cell");
            defaults(project, "version", "1");
        }
        Transformer writer = TransformerFactory.newInstance().newTransformer();
        writer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        StringWriter out = new StringWriter();
        writer.transform(new DOMSource(project), new StreamResult(out));
        return out.toString();
    }

    private static List<Element> elements(Element of) {
        List<Element> all = new ArrayList<>();
        for (Node n = of.getFirstChild(); n != null; n = n.getNextSibling()) {
            if (n instanceof Element e) {
                all.add(e);
            }
        }
        return all;
    }

    private static Element child(Element project, String name) {
        return elements(project).stream()
                .filter(e -> e.getTagName().equals(name))
                .findFirst()
                .orElseGet(() ->
                        (Element) project.appendChild(project.getOwnerDocument().createElement(name)));
    }

    private static void defaults(Element project, String name, String text) {
        if (elements(project).stream().noneMatch(e -> e.getTagName().equals(name))) {
            child(project, name).setTextContent(text);
        }
    }

    /**
     * The effective model of a POM.
     *
     * @param profiles to be active beside those that the POM's own conditions make so
     */
    static Model effective(
            String pom,
            List<String> profiles,
            RepositorySystem system,
            RepositorySystemSession session,
            List<RemoteRepository> repositories)
            throws ModelBuildingException {
        Properties properties = new Properties();
        properties.putAll(System.getProperties());
        System.getenv().forEach((name, value) -> properties.setProperty("env." + name, value));
        DefaultModelBuildingRequest request = new DefaultModelBuildingRequest();
        request.setModelSource((ModelSource) new StringModelSource(pom, "the cell's POM"));
        request.setValidationLevel(ModelBuildingRequest.VALIDATION_LEVEL_MINIMAL);
        request.setProcessPlugins(false);
        request.setSystemProperties(properties);
        request.setActiveProfileIds(profiles);
        request.setModelResolver(new Resolver(system, session, new ArrayList<>(repositories)));
        return new DefaultModelBuilderFactory().newInstance().build(request).getEffectiveModel();
    }

    /** Finds parents and imported POMs where artifacts are. */
    private record Resolver(
            RepositorySystem system, RepositorySystemSession session, List<RemoteRepository> repositories)
            implements ModelResolver {
        @Override
        public ModelSource2 resolveModel(String group, String artifact, String version)
                throws UnresolvableModelException {
            try {
                return new FileModelSource(system.resolveArtifact(
                                session,
                                new ArtifactRequest(
                                        new DefaultArtifact(group, artifact, "", "pom", version), repositories, null))
                        .getArtifact()
                        .getFile());
            } catch (RepositoryException e) {
                throw new UnresolvableModelException(e.getMessage(), group, artifact, version, e);
            }
        }

        @Override
        public ModelSource2 resolveModel(Parent parent) throws UnresolvableModelException {
            parent.setVersion(version(parent.getGroupId(), parent.getArtifactId(), parent.getVersion()));
            return resolveModel(parent.getGroupId(), parent.getArtifactId(), parent.getVersion());
        }

        @Override
        public ModelSource2 resolveModel(Dependency dependency) throws UnresolvableModelException {
            dependency.setVersion(
                    version(dependency.getGroupId(), dependency.getArtifactId(), dependency.getVersion()));
            return resolveModel(dependency.getGroupId(), dependency.getArtifactId(), dependency.getVersion());
        }

        /** The highest version of a range. */
        private String version(String group, String artifact, String version) throws UnresolvableModelException {
            try {
                var found = system.resolveVersionRange(
                        session,
                        new VersionRangeRequest(
                                new DefaultArtifact(group, artifact, "", "pom", version), repositories, null));
                return found.getHighestVersion() == null
                        ? version
                        : found.getHighestVersion().toString();
            } catch (RepositoryException e) {
                throw new UnresolvableModelException(e.getMessage(), group, artifact, version, e);
            }
        }

        @Override
        public void addRepository(Repository repository) {
            addRepository(repository, false);
        }

        @Override
        public void addRepository(Repository repository, boolean replace) {
            if (replace) {
                repositories.removeIf(r -> r.getId().equals(repository.getId()));
            }
            if (repositories.stream().noneMatch(r -> r.getId().equals(repository.getId()))) {
                repositories.addAll(system.newResolutionRepositories(session, List.of(remote(repository))));
            }
        }

        @Override
        public ModelResolver newCopy() {
            return new Resolver(system, session, new ArrayList<>(repositories));
        }
    }

    static RemoteRepository remote(Repository repository) {
        return new RemoteRepository.Builder(repository.getId(), "default", repository.getUrl()).build();
    }
}
