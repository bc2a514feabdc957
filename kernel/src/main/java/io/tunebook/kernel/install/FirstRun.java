package io.tunebook.kernel.install;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.ChildKernel;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.zmtp.Client;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * Starts an installed kernel once, as a frontend would, and asks for what the first minute of a notebook asks: it shows
 * that the kernel works on this machine, and lets the JVM record which classes a start needs.
 */
final class FirstRun {
    private static final long END = 60; // seconds

    private FirstRun() {}

    /**
     * Runs the kernel from start to shutdown.
     *
     * @param command the kernelspec's, with {@code {connection_file}} as a placeholder
     * @throws IOException if it does not start, does not answer, or answers {@code 1 + 1} with something else
     */
    static void run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("tunebook-");
        Path history = folder.resolve("history.jsonl");
        Map<String, String> all = new TreeMap<>(environment);
        all.put("TUNEBOOK_HISTORY", history.toString());
        try (ChildKernel kernel = new ChildKernel(command, all, OutputStream.nullOutputStream())) {
            try (Client shell = kernel.connect(Channel.SHELL, new byte[0]);
                    Client control = kernel.connect(Channel.CONTROL, new byte[0]);
                    Client iopub = kernel.subscribe()) {
                first(kernel, shell);
                kernel.ask(control, "shutdown_request", Message.object().put("restart", false));
                if (!kernel.process().waitFor(END, TimeUnit.SECONDS)) {
                    throw new IOException("the kernel did not end when it was asked to");
                }
            } catch (IOException e) {
                throw new IOException(
                        e.getMessage() + "\nCommand: " + String.join(" ", command) + "\nIt said: " + kernel.log(), e);
            }
        } finally {
            Files.deleteIfExists(history);
            Files.deleteIfExists(folder);
        }
    }

    /** What the first minute of a notebook asks. */
    private static void first(ChildKernel kernel, Client shell) throws IOException {
        kernel.ask(shell, "kernel_info_request", Message.object());
        kernel.ask(shell, "execute_request", cell("System.out.println(\"warm\");\nList.of(1, 2, 3)"));
        kernel.ask(shell, "execute_request", cell("record Warm(int x) {}\nfor (int i = 0; i < 2; i++) new Warm(i);"));
        kernel.ask(shell, "execute_request", cell("var warm = 1;\nint twice(int x) { return 2 * x; }\ntwice(warm)"));
        Message sum = kernel.ask(shell, "execute_request", cell("1 + 1"));
        if (!sum.content().path("status").asText().equals("ok")) {
            throw new IOException("expected the kernel to run 1 + 1, found " + sum.content());
        }
        kernel.ask(
                shell,
                "complete_request",
                Message.object().put("code", "\"\".len").put("cursor_pos", 6));
        kernel.ask(
                shell,
                "inspect_request",
                Message.object()
                        .put("code", "\"\".length(")
                        .put("cursor_pos", 10)
                        .put("detail_level", 0));
        kernel.ask(shell, "is_complete_request", Message.object().put("code", "int x = 1;"));
    }

    private static ObjectNode cell(String code) {
        return Message.object().put("code", code).put("silent", false).put("store_history", false);
    }
}
