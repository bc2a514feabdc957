package io.tunebook.hosts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.chart.TableView;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is set of hosts, and what a launcher sets. */
final class HostsTest {
    private static final String SECRET = "sixteen letters.";

    @Test
    void whatALauncherSaysIsTakenByPyTorchsNames() {
        Map<String, String> variables = new HashMap<>(Map.of(
                "WORLD_SIZE", "3",
                "RANK", "2",
                "MASTER_ADDR", "10.0.0.7",
                "MASTER_PORT", "4321",
                "TUNEBOOK_HOSTS_SECRET", SECRET));
        assertThat(Hosts.from(variables)).isEqualTo(Hosts.of(3, 2, "10.0.0.7", 4321, SECRET));

        variables.keySet().removeAll(List.of("MASTER_ADDR", "MASTER_PORT"));
        assertThat(Hosts.from(variables)).isEqualTo(Hosts.of(3, 2, "127.0.0.1", 29500, SECRET));
        assertThat(Hosts.from(Map.of("WORLD_SIZE", "1", "RANK", "0")).count()).isEqualTo(1);

        for (String needed : List.of("WORLD_SIZE", "RANK", "TUNEBOOK_HOSTS_SECRET")) {
            Map<String, String> without = new HashMap<>(variables);
            without.remove(needed);
            assertThatThrownBy(() -> Hosts.from(without))
                    .hasMessage(needed + ": expected a value in the environment of each host, found none");
        }
        variables.put("RANK", "first");
        assertThatThrownBy(() -> Hosts.from(variables)).hasMessage("RANK: expected a whole number, found first");
    }

    @Test
    void rangesAreTold() {
        assertThatThrownBy(() -> Hosts.of(65, 0, "h", 1, SECRET)).hasMessage("count: expected 1 to 64 hosts, found 65");
        assertThatThrownBy(() -> Hosts.of(2, 2, "h", 1, SECRET)).hasMessage("rank: expected 0 to 1, found 2");
        assertThatThrownBy(() -> Hosts.of(2, 1, " ", 1, SECRET)).hasMessageStartingWith("address: ");
        assertThatThrownBy(() -> Hosts.of(2, 1, null, 1, SECRET))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("address: ");
        for (int count = 1; count < 3; count++) {
            int all = count;
            assertThatThrownBy(() -> Hosts.of(all, 0, "h", 1, null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("secret: ");
            assertThatThrownBy(() -> new Hosts(all, 0, "h", 1, null, Duration.ofSeconds(1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("secret: ");
        }
        assertThatThrownBy(() -> Hosts.of(2, 1, "h", 1, SECRET).timeout(null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("timeout: ");
        assertThatThrownBy(() -> Hosts.of(2, 1, "h", 0, SECRET)).hasMessage("port: expected 1 to 65535, found 0");
        assertThatThrownBy(() -> Hosts.of(2, 1, "h", 1, "too short"))
                .hasMessage("secret: expected at least 16 characters, found 9");
        assertThatThrownBy(() -> Hosts.of(2, 1, "h", 1, SECRET).timeout(Duration.ZERO))
                .hasMessageStartingWith("timeout: expected a positive time");
        assertThatThrownBy(() -> Hosts.of(2, 1, "0.0.0.0", 1, SECRET).resolved())
                .hasMessage("address: expected the one at which the other hosts reach rank 0, found 0.0.0.0");
    }

    @Test
    void theSecretIsNotShown() {
        assertThat(Hosts.of(2, 1, "10.0.0.7", 4321, SECRET))
                .hasToString("rank 1 of 2 hosts, which meet at 10.0.0.7:4321");
    }

    /** A notebook shows a record by its components, and not by its toString. */
    @Test
    void aNotebookDoesNotShowTheSecret() {
        Hosts one = Hosts.of(2, 0, "10.0.0.7", 4321, SECRET);
        Hosts other = Hosts.of(2, 1, "10.0.0.7", 4321, SECRET);
        for (Object value : List.of(one, List.of(one, other), new Hosts[] {one, other}, Map.of("hosts", one))) {
            MimeBundle shown = Display.render(value);
            assertThat(shown.data().toString()).contains("10.0.0.7").doesNotContain(SECRET);
        }
        assertThat(Display.render(one).data().get(MimeBundle.HTML).toString())
                .as("the table of its components")
                .contains("4321", "(hidden)");
        assertThat(TableView.of(List.of(one, other)).toString())
                .contains("4321", "(hidden)")
                .doesNotContain(SECRET);
    }
}
