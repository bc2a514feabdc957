package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Dependencies of a session, from a repository of files, through a real kernel. */
@WithKernel(fresh = true)
class MavenTest {
    @TempDir
    Path folder;

    private Path home;

    @BeforeEach
    void repository() {
        // Each test has a group of its own: the local repository keeps what it has.
        group = "org.example.g" + System.nanoTime();
        home = folder.resolve("repository");
    }

    private String group;

    /** Puts a jar with one class {@code lib.NAME}, whose {@code say()} gives the version, into the repository. */
    private void artifact(String name, String version, String more) throws IOException {
        Path work = Files.createTempDirectory(folder, "work");
        Path source = work.resolve(name + ".java");
        Files.writeString(
                source,
                "package lib; public class " + name + " { public static String say() { return new String(\"" + version
                        + "\"); } }");
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", work.toString(), source.toString()))
                .isZero();
        Path at = home.resolve(group.replace('.', '/')).resolve(name).resolve(version);
        Files.createDirectories(at);
        try (OutputStream out = Files.newOutputStream(at.resolve(name + "-" + version + ".jar"));
                JarOutputStream jar = new JarOutputStream(out)) {
            jar.putNextEntry(new JarEntry("lib/" + name + ".class"));
            jar.write(Files.readAllBytes(work.resolve("lib").resolve(name + ".class")));
        }
        pom(name, version, more);
    }

    private void pom(String name, String version, String more) throws IOException {
        Path at = home.resolve(group.replace('.', '/')).resolve(name).resolve(version);
        Files.createDirectories(at);
        Files.writeString(
                at.resolve(name + "-" + version + ".pom"),
                "<project><modelVersion>4.0.0</modelVersion><groupId>" + group + "</groupId><artifactId>" + name
                        + "</artifactId><version>" + version + "</version>" + more + "</project>");
    }

    private String dependency(String name, String version, String more) {
        return "<dependency><groupId>" + group + "</groupId><artifactId>" + name + "</artifactId>"
                + (version == null ? "" : "<version>" + version + "</version>") + more + "</dependency>";
    }

    private static WireKernel.Answer ok(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer;
    }

    @Test
    void twoCallsAreOneResolution(WireKernel kernel) throws IOException {
        artifact("Deep", "1.0", "");
        artifact("Deep", "2.0", "");
        artifact("One", "1", "<dependencies>" + dependency("Deep", "1.0", "") + "</dependencies>");
        artifact("Two", "1", "<dependencies>" + dependency("Deep", "2.0", "") + "</dependencies>");
        WireKernel.Answer one = ok(kernel, "%mavenRepo files " + home.toUri() + "\n%maven " + group + ":One:1");
        assertThat(one.displays("text/plain")).anyMatch(text -> text.startsWith("Maven: "));
        assertThat(ok(kernel, "%maven " + group + ":Deep:2.0").stdout())
                .contains(group + ":Deep 2.0 takes the place of 1.0.");
        assertThat(ok(kernel, "lib.Deep.say()").result()).isEqualTo("2.0");
        assertThat(ok(kernel, "%maven " + group + ":Deep:1.0").stdout()).contains("2.0, which is newer and stays");
        ok(kernel, "%maven " + group + ":Two:1");
        assertThat(ok(kernel, "lib.Two.say() + lib.Deep.say()").result()).isEqualTo("12.0");
    }

    @Test
    void whatIsInUseStays(WireKernel kernel) throws IOException {
        artifact("Used", "1.0", "");
        artifact("Used", "1.1", "");
        ok(kernel, "%mavenRepo files " + home.toUri() + "\n%maven " + group + ":Used:1.0\nlib.Used.say()");
        assertThat(ok(kernel, "%maven " + group + ":Used:1.1").stdout())
                .contains("Used is in use in version 1.0; to use 1.1, restart the kernel");
        assertThat(ok(kernel, "lib.Used.say()").result()).isEqualTo("1.0");
        artifact("Other", "1", "");
        assertThat(ok(kernel, "%maven " + group + ":Other:1").stdout())
                .as("it was said")
                .doesNotContain("in use");
    }

    @Test
    void whatNoRepositoryHasIsAnErrorInItsWords(WireKernel kernel) throws IOException {
        ok(kernel, "%mavenRepo files " + home.toUri());
        WireKernel.Answer answer = kernel.execute("%maven " + group + ":nothing:1");
        assertThat(answer.error().path("evalue").asText()).contains(group + ":nothing:jar:1");
        assertThat(answer.traceback()).doesNotContain("    at ", "io.tunebook.kernel");
        assertThat(ok(kernel, "%dependency /list-repos").result()).contains("central http", "files file:");
    }

    @Test
    void coordinatesOfTheLocalRepositoryAreCompleted(WireKernel kernel) throws IOException {
        artifact("Known", "1.5", "");
        ok(kernel, "%mavenRepo files " + home.toUri() + "\n%maven " + group + ":Known:1.5");
        assertThat(completions(kernel, "%maven " + group.substring(0, group.length() - 2)))
                .contains(group);
        assertThat(completions(kernel, "%maven " + group + ":Kn")).containsExactly(group + ":Known:");
        assertThat(completions(kernel, "%maven a:b:1 " + group + ":Known:")).containsExactly(group + ":Known:1.5");
        assertThat(completions(kernel, "%dependency /add " + group + ":Known:1"))
                .containsExactly(group + ":Known:1.5");
        assertThat(completions(kernel, "%maven org.example.")).isNotEmpty().noneMatch(c -> c.contains(".:"));
    }

    private static List<String> completions(WireKernel kernel, String code) {
        List<String> found = new ArrayList<>();
        kernel.request(
                        WireKernel.Channel.SHELL,
                        "complete_request",
                        Message.object().put("code", code).put("cursor_pos", code.length()))
                .reply()
                .path("matches")
                .forEach(m -> found.add(m.asText()));
        return found;
    }

    @Test
    void aPomIsReadByMaven(WireKernel kernel) throws IOException {
        artifact("Left", "1", "");
        artifact("Out", "1", "");
        artifact("Managed", "3", "");
        artifact(
                "Top",
                "1",
                "<dependencies>" + dependency("Left", "1", "") + dependency("Out", "1", "") + "</dependencies>");
        pom(
                "Bom",
                "1",
                "<packaging>pom</packaging><dependencyManagement><dependencies>" + dependency("Managed", "3", "")
                        + "</dependencies></dependencyManagement>");
        pom(
                "Parent",
                "1",
                "<packaging>pom</packaging><properties><top.version>1</top.version></properties>"
                        + "<dependencyManagement><dependencies>"
                        + dependency("Bom", "1", "<type>pom</type><scope>import</scope>")
                        + "</dependencies></dependencyManagement>");
        ok(
                kernel,
                "%%loadFromPOM -P extra\n<project>\n  <parent><groupId>" + group
                        + "</groupId><artifactId>Parent</artifactId><version>1</version></parent>\n"
                        + "  <repositories><repository><id>files</id><url>" + home.toUri()
                        + "</url></repository></repositories>\n  <dependencies>"
                        + dependency(
                                "Top",
                                "${top.version}",
                                "<exclusions><exclusion><groupId>" + group
                                        + "</groupId><artifactId>Out</artifactId></exclusion></exclusions>")
                        + "</dependencies>\n  <profiles><profile><id>extra</id><dependencies>"
                        + dependency("Managed", null, "") + "</dependencies></profile></profiles>\n</project>");
        assertThat(ok(kernel, "lib.Top.say() + lib.Left.say() + lib.Managed.say()")
                        .result())
                .isEqualTo("113");
        assertThat(kernel.execute("lib.Out.say()").status()).isEqualTo("error");
    }

    @Test
    void otherKernelsNamesForIt(WireKernel kernel) throws IOException {
        artifact("Yaml", "1", "");
        artifact("Added", "1", "");
        ok(
                kernel,
                "%%pom\nrepositories:\n  - id: files\n    url: " + home.toUri() + "\ndependencies:\n  - groupId: "
                        + group + "\n    artifactId: Yaml\n    version: 1");
        ok(kernel, "%dependency /add " + group + ":Added:1\n%dependency /resolve");
        assertThat(ok(kernel, "lib.Yaml.say() + lib.Added.say()").result()).isEqualTo("11");
    }

    @Test
    void aRepositoryThatDoesNotAnswerIsInterrupted(WireKernel kernel) throws IOException, InterruptedException {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            ok(kernel, "%mavenRepo mute http://127.0.0.1:" + mute.getLocalPort());
            Message request = kernel.start("%maven " + group + ":nothing:1");
            mute.accept(); // it asks, and nobody answers
            kernel.interrupt();
            assertThat(kernel.await(request).error().path("ename").asText()).isEqualTo("KeyboardInterrupt");
            assertThat(ok(kernel, "1 + 1").result()).isEqualTo("2");
        }
    }

    /**
     * Sources are asked for when somebody wants help; neither the help nor a cell waits until a repository gives up.
     */
    @Test
    void helpDoesNotWaitForARepositoryThatDoesNotAnswer(WireKernel kernel) throws IOException {
        artifact("Known", "1", "");
        ok(kernel, "%mavenRepo files " + home.toUri() + "\n%maven " + group + ":Known:1");
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            ok(kernel, "%mavenRepo mute http://127.0.0.1:" + mute.getLocalPort());
            String code = "lib.Known.say(";
            Message help = kernel.send(
                    WireKernel.Channel.SHELL,
                    "inspect_request",
                    Message.object().put("code", code).put("cursor_pos", code.length()));
            mute.setSoTimeout(60_000);
            try (Socket asked = mute.accept()) {
                assertThat(ok(kernel, "1 + 1").result()).isEqualTo("2");
                assertThat(kernel.await(help).reply().path("found").asBoolean()).isTrue();
                // As long as the repository is silent, everything else is answered, help for the same again included.
                assertThat(completions(kernel, "lib.Known.sa")).contains("say()");
                assertThat(completions(kernel, "%maven " + group + ":Kn")).containsExactly(group + ":Known:");
                assertThat(kernel.request(
                                        WireKernel.Channel.SHELL,
                                        "inspect_request",
                                        Message.object().put("code", code).put("cursor_pos", code.length()))
                                .reply()
                                .path("found")
                                .asBoolean())
                        .isTrue();
                assertThat(ok(kernel, "lib.Known.say()").result()).isEqualTo("1");
                asked.setSoTimeout(100);
                assertThatThrownBy(() -> asked.getInputStream().readAllBytes())
                        .as("the repository is still waited for, for the next time")
                        .isInstanceOf(SocketTimeoutException.class);
            }
        }
    }

    @Test
    void driversOfLaterJarsAreFound(WireKernel kernel) throws IOException {
        Path work = Files.createDirectories(folder.resolve("driver"));
        Path source = work.resolve("Later.java");
        Files.writeString(source, """
                package drivers;
                import java.sql.*;
                import java.util.*;
                import java.util.logging.Logger;
                public class Later implements Driver {
                    static { try { DriverManager.registerDriver(new Later()); } catch (SQLException e) { throw new RuntimeException(e); } }
                    public Connection connect(String url, Properties p) { return null; }
                    public boolean acceptsURL(String url) { return url.startsWith("jdbc:later:"); }
                    public DriverPropertyInfo[] getPropertyInfo(String url, Properties p) { return null; }
                    public int getMajorVersion() { return 1; }
                    public int getMinorVersion() { return 0; }
                    public boolean jdbcCompliant() { return false; }
                    public Logger getParentLogger() { return null; }
                }
                """);
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", work.toString(), source.toString()))
                .isZero();
        Path jar = folder.resolve("later.jar");
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream file = new JarOutputStream(out)) {
            file.putNextEntry(new JarEntry("META-INF/services/java.sql.Driver"));
            file.write("drivers.Later\n".getBytes());
            file.putNextEntry(new JarEntry("drivers/Later.class"));
            file.write(Files.readAllBytes(work.resolve("drivers/Later.class")));
        }
        ok(kernel, "java.sql.DriverManager.drivers().count()"); // it has looked
        ok(kernel, "%classpath " + jar);
        assertThat(ok(kernel, "java.sql.DriverManager.getDriver(\"jdbc:later:x\").getClass().getName()")
                        .result())
                .isEqualTo("drivers.Later");
        assertThat(ok(
                                kernel,
                                "ServiceLoader.load(java.sql.Driver.class).stream()"
                                        + ".anyMatch(p -> p.type().getName().equals(\"drivers.Later\"))")
                        .result())
                .isEqualTo("true");
    }
}
