package io.tunebook.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.data.Document;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LocalHubTest {
    @TempDir
    Path temp;

    @Test
    void aDataSetStreamsFromIt() throws Exception {
        Path folder = Files.createDirectories(temp.resolve("served/zh"));
        Files.writeString(folder.resolve("part-1.jsonl"), "{\"id\": 1, \"content\": \"潮汐\"}\n");
        Files.writeString(folder.resolve("part-2.jsonl"), "{\"id\": 2, \"content\": \"豆腐\"}\n");
        try (LocalHub local = LocalHub.serve("owner/name", temp.resolve("served"))) {
            Hub hub = Hub.dataset("owner/name")
                    .from(HubSource.mirror(local.url()))
                    .cache(temp.resolve("cache"));
            assertThat(hub.split("train").stream().stream().map(Document::content))
                    .containsExactly("潮汐", "豆腐");
            assertThat(local.requests())
                    .contains("GET /api/datasets/owner/name/revision/main")
                    .anyMatch(r -> r.matches("GET /datasets/owner/name/resolve/[0-9a-f]{40}/zh/part-1.jsonl"));
            assertThatThrownBy(() -> Hub.dataset("owner/other")
                            .from(HubSource.mirror(local.url()))
                            .cache(temp.resolve("cache"))
                            .files())
                    .isInstanceOf(HubException.class);
        }
    }

    @Test
    void aModelIsFetchedAndARangeIsServed() throws Exception {
        Path folder = Files.createDirectories(temp.resolve("served"));
        Files.writeString(folder.resolve("config.json"), "{\"a\": 1}");
        try (LocalHub local = LocalHub.serve("owner/name", folder)) {
            Path fetched = Hub.model("owner/name")
                    .from(HubSource.mirror(local.url()))
                    .cache(temp.resolve("cache"))
                    .download();
            assertThat(fetched.resolve("config.json")).hasContent("{\"a\": 1}");
            HttpResponse<String> part = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create(local.url() + "/owner/name/resolve/main/config.json"))
                                    .header("Range", "bytes=5-")
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(part.statusCode()).isEqualTo(206);
            assertThat(part.body()).isEqualTo(" 1}");
        }
    }
}
