package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a user's settings.xml says counts in {@code %maven}: the local repository, mirrors and proxies. A kernel of its
 * own has that user's home.
 */
class MavenSettingsTest {
    @TempDir
    Path home;

    private void artifact(String group, String name, String source) throws IOException {
        Path at = home.resolve("mirror/" + group.replace('.', '/') + "/" + name + "/1");
        TestLibrary.jar(at.resolve(name + "-1.jar"), source);
        Files.writeString(
                at.resolve(name + "-1.pom"),
                "<project><modelVersion>4.0.0</modelVersion><groupId>" + group + "</groupId><artifactId>" + name
                        + "</artifactId><version>1</version></project>");
    }

    @Test
    void localRepositoryMirrorsAndProxies() throws Exception {
        artifact("ch.qos.logback", "logback-classic", "package lib; public class Logback {}");
        artifact("org.slf4j", "slf4j-simple", "package lib; public class Simple {}");
        artifact("org.example", "plain", "package lib; public class Plain { public static int n() { return 8; } }");
        try (ServerSocket proxy = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            BlockingQueue<String> asked = new LinkedBlockingQueue<>();
            Thread serving = new Thread(() -> serve(proxy, asked), "proxy");
            serving.setDaemon(true);
            serving.start();
            Files.createDirectories(home.resolve(".m2"));
            Files.writeString(
                    home.resolve(".m2/settings.xml"),
                    "<settings><localRepository>" + home.resolve("local") + "</localRepository>"
                            + "<mirrors><mirror><id>mine</id><mirrorOf>central</mirrorOf><url>"
                            + home.resolve("mirror").toUri() + "</url></mirror></mirrors>"
                            + "<proxies><proxy><id>p</id><active>true</active><protocol>http</protocol><host>127.0.0.1</host><port>"
                            + proxy.getLocalPort() + "</port></proxy></proxies></settings>");
            try (WireKernel kernel = WireKernel.start(List.of("-Duser.home=" + home), Map.of())) {
                // Nothing but the mirror has these.
                WireKernel.Answer plain = kernel.execute("%maven org.example:plain:1\nlib.Plain.n()");
                assertThat(plain.result()).as(plain.traceback()).isEqualTo("8");
                assertThat(plain.stdout()).isEmpty();
                assertThat(home.resolve("local/org/example/plain/1/plain-1.jar"))
                        .exists();
                howToQuietALogger(kernel);
                // Another repository is asked by way of the proxy.
                kernel.execute("%mavenRepo far http://repository.invalid/maven");
                assertThat(kernel.execute("%maven org.example:far:1").status()).isEqualTo("error");
                assertThat(asked).isNotEmpty();
                assertThat(asked.take()).startsWith("GET http://repository.invalid/maven/org/example/far/1/far-1.pom");
            }
        }
    }

    /** One line, once, for each logger that came along. */
    private static void howToQuietALogger(WireKernel kernel) {
        assertThat(kernel.execute("%maven ch.qos.logback:logback-classic:1").stdout())
                .isEqualTo(
                        "A logger came along. To see its warnings alone: ((ch.qos.logback.classic.Logger)"
                                + " org.slf4j.LoggerFactory.getLogger(\"ROOT\")).setLevel(ch.qos.logback.classic.Level.WARN);\n");
        assertThat(kernel.execute("%maven org.slf4j:slf4j-simple:1").stdout())
                .isEqualTo(
                        "A logger came along. To see its warnings alone: System.setProperty(\"org.slf4j.simpleLogger.defaultLogLevel\", \"warn\");\n");
        assertThat(kernel.execute("%maven ch.qos.logback:logback-classic:1").stdout())
                .isEmpty();
    }

    /** Has nothing, and notes what it is asked for. */
    private static void serve(ServerSocket proxy, BlockingQueue<String> asked) {
        while (true) {
            try (Socket client = proxy.accept();
                    BufferedReader in = new BufferedReader(
                            new InputStreamReader(client.getInputStream(), StandardCharsets.US_ASCII))) {
                asked.add(String.valueOf(in.readLine()));
                for (String line = in.readLine(); line != null && !line.isEmpty(); ) {
                    line = in.readLine(); // an answer before the request's end may be lost
                }
                client.getOutputStream()
                        .write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                                .getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                if (proxy.isClosed()) {
                    return;
                }
            }
        }
    }
}
