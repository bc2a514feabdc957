package io.tunebook.hub;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a source has of a repository.
 *
 * @param client who fetches it; empty for a folder
 * @param commit 40 hexadecimal digits that name this state of the repository
 * @param files its files
 * @param root where they lie if they need not be fetched: a folder's repository
 */
record HubListing(
        Optional<HubClient> client,
        HubRepository repository,
        HubSource source,
        String commit,
        List<HubFile> files,
        Path root) {
    /** Asks a source. */
    static HubListing of(
            HubSource source, HubRepository repository, Optional<String> token, Duration silence, Instant deadline)
            throws IOException {
        if (source instanceof HubSource.HuggingFace hub) {
            return huggingFace(new HubClient(hub, hub.endpoint(), token, silence), hub, repository, deadline);
        }
        if (source instanceof HubSource.ModelScope hub) {
            return modelScope(new HubClient(hub, hub.endpoint(), token, silence), hub, repository, deadline);
        }
        return folder((HubSource.Folder) source, repository);
    }

    private static HubListing huggingFace(
            HubClient client, HubSource.HuggingFace hub, HubRepository repository, Instant deadline)
            throws IOException {
        String api = hub.endpoint() + "/api/" + repository.kind() + "s/" + repository.id();
        URI info = URI.create(api + "/revision/" + encode(repository.revision()));
        String commit = client.json(info, deadline).json().path("sha").asText();
        if (!commit.matches("[0-9a-f]{40}")) {
            throw new HubException(info + " names no commit in \"sha\": this is not Hugging Face's API", 200, null);
        }
        List<HubFile> files = new ArrayList<>();
        Optional<URI> page = Optional.of(URI.create(api + "/tree/" + commit + "?recursive=true"));
        while (page.isPresent()) {
            HubClient.Page answer = client.json(page.get(), deadline);
            for (JsonNode entry : answer.json()) {
                if (entry.path("type").asText().equals("file")) {
                    String checksum = entry.path("lfs")
                            .path("oid")
                            .asText(entry.path("oid").asText());
                    files.add(file(
                            info,
                            entry.path("path").asText(),
                            entry.path("size").asLong(-1),
                            checksum));
                }
            }
            page = answer.next();
        }
        return new HubListing(Optional.of(client), repository, hub, commit, List.copyOf(files), null);
    }

    private static HubListing modelScope(
            HubClient client, HubSource.ModelScope hub, HubRepository repository, Instant deadline) throws IOException {
        String api = hub.endpoint() + "/api/v1/" + repository.kind() + "s/";
        String revision = "Revision=" + encode(modelScopeRevision(repository.revision()));
        List<HubFile> files = new ArrayList<>();
        if (repository.kind().equals("model")) {
            URI uri = URI.create(api + repository.id() + "/repo/files?" + revision + "&Recursive=True");
            addModelScope(uri, successful(uri, client.json(uri, deadline).json()), files);
        } else {
            URI about = URI.create(api + repository.id());
            String number = successful(about, client.json(about, deadline).json())
                    .path("Id")
                    .asText();
            for (int page = 1; ; page++) {
                URI uri = URI.create(api + number + "/repo/tree?" + revision + "&Root=/&Recursive=true&PageNumber="
                        + page + "&PageSize=100");
                if (addModelScope(
                                uri, successful(uri, client.json(uri, deadline).json()), files)
                        < 100) {
                    break;
                }
            }
        }
        // ModelScope names no commit for a whole repository; its files' checksums do.
        MessageDigest digest = HubCache.digest("SHA-1");
        files.stream()
                .map(f -> f.path() + " " + f.checksum() + " " + f.bytes() + "\n")
                .sorted()
                .forEach(line -> digest.update(line.getBytes(StandardCharsets.UTF_8)));
        return new HubListing(
                Optional.of(client),
                repository,
                hub,
                HexFormat.of().formatHex(digest.digest()),
                List.copyOf(files),
                null);
    }

    private static JsonNode successful(URI uri, JsonNode answer) throws HubException {
        if (!answer.path("Data").isObject()) {
            throw new HubException(
                    uri + " answered: " + answer.path("Message").asText("nothing under \"Data\""), 200, null);
        }
        return answer.path("Data");
    }

    /** How many entries there were. */
    private static int addModelScope(URI uri, JsonNode data, List<HubFile> files) throws HubException {
        int entries = 0;
        for (JsonNode entry : data.path("Files")) {
            entries++;
            if (!entry.path("Type").asText().equals("tree")) {
                files.add(file(
                        uri,
                        entry.path("Path").asText(),
                        entry.path("Size").asLong(-1),
                        entry.path("Sha256").asText("")));
            }
        }
        return entries;
    }

    private static HubListing folder(HubSource.Folder folder, HubRepository repository) throws IOException {
        Path below = folder.root().resolve(repository.id());
        Path root = Files.isDirectory(below) ? below : folder.root().resolve(repository.name());
        if (!Files.isDirectory(root)) {
            root = folder.root();
            String last = root.toAbsolutePath().normalize().getFileName().toString();
            if (!Files.isDirectory(root) || !last.equals(repository.name())) {
                throw new HubException(below + ": there is no such folder", 0, null);
            }
        }
        List<HubFile> files = new ArrayList<>();
        Path top = root;
        try (Stream<Path> all = Files.walk(root)) {
            for (Path file : all.filter(Files::isRegularFile).sorted().toList()) {
                String path = top.relativize(file)
                        .toString()
                        .replace(file.getFileSystem().getSeparator(), "/");
                if (!path.startsWith(".")) {
                    files.add(new HubFile(path, Files.size(file), ""));
                }
            }
        }
        return new HubListing(Optional.empty(), repository, folder, "", List.copyOf(files), root);
    }

    private static HubFile file(URI uri, String path, long bytes, String checksum) throws HubException {
        try {
            return new HubFile(path, bytes, checksum.toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw new HubException(uri + ": " + e.getMessage(), 200, e);
        }
    }

    /** Where a file's bytes are. */
    URI address(HubFile file) {
        if (source instanceof HubSource.ModelScope hub) {
            String query = (repository.kind().equals("dataset") ? "Source=SDK&" : "") + "Revision="
                    + encode(modelScopeRevision(repository.revision())) + "&FilePath=" + encode(file.path());
            return URI.create(
                    hub.endpoint() + "/api/v1/" + repository.kind() + "s/" + repository.id() + "/repo?" + query);
        }
        URI endpoint = ((HubSource.HuggingFace) source).endpoint();
        String prefix = repository.kind().equals("dataset") ? "/datasets/" : "/";
        String path = Stream.of(file.path().split("/"))
                .map(HubListing::encode)
                .reduce((a, b) -> a + "/" + b)
                .orElseThrow();
        return URI.create(endpoint + prefix + repository.id() + "/resolve/" + commit + "/" + path);
    }

    private static String modelScopeRevision(String revision) {
        return revision.equals("main") ? "master" : revision;
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /**
     * Which repository, in which state.
     *
     * @param kind {@code model} or {@code dataset}
     * @param id {@code owner/name}, or a name alone as old repositories have
     * @param revision branch, tag or commit
     */
    record HubRepository(String kind, String id, String revision) {
        private static final Pattern ID = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?");

        HubRepository {
            if (!ID.matcher(id).matches() || id.contains("..")) {
                throw new IllegalArgumentException(
                        "expected a repository such as \"owner/name\", found \"" + id + "\"");
            }
            HubFile.requireInside(revision);
        }

        String name() {
            return id.substring(id.indexOf('/') + 1);
        }

        /** The folder in huggingface_hub's cache. */
        String cacheName() {
            return kind + "s--" + id.replace("/", "--");
        }
    }
}
