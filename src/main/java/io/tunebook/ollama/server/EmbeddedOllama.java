package io.tunebook.ollama.server;

import com.sun.net.httpserver.HttpServer;
import io.tunebook.ollama.server.Models.LoadedModels;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/**
 * A small server that speaks as Ollama does, in this process, for GGUF files: chat, generate, embed, tags, show, ps,
 * version, create (with adapters), copy, delete, blobs and the pull of a local file. llama.cpp computes, in a process
 * for each model.
 *
 * <p>It listens on the loopback address alone and answers only to names of this machine, and to pages of this machine,
 * as Ollama does. Prompts are made with the template in Go's syntax that a model or request was given, else with the
 * one of Ollama's built-in templates that is near the GGUF file's own chat template, else with that; with the file's
 * own as well where only that one knows of tools or thoughts, as Ollama from 0.34.1 on chooses. The paths under
 * {@code /v1} speak as OpenAI's interface does.
 *
 * <p>Where the environment's {@code TUNEBOOK_LLAMA_CPP} names a folder of llama.cpp
 * {@value io.tunebook.ollama.llamacpp.LlamaCpp#VERSION}, that runs the models ({@code environment/llama_cpp.py} fetches
 * one). Without it an older one runs them, which comes with the library and gives no {@code logprobs}. The threads of
 * the newer one wait for one another by spinning: on a machine that is busy with other work it is the slower one.
 */
public final class EmbeddedOllama implements AutoCloseable {
    /** The last version of Ollama whose {@code create} takes adapters, as this one does. */
    private static final String VERSION = "0.34.0";

    private final HttpServer server;
    private final ClientWatch clients;
    private final ExecutorService threads = Executors.newCachedThreadPool(EmbeddedOllama::daemon);
    private final Models models = new Models();
    private final LoadedModels loaded = new LoadedModels();
    private final Prompts prompts = new Prompts();
    private final BlobFolder blobs;

    private EmbeddedOllama(int port) throws IOException {
        blobs = new BlobFolder();
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            clients = new ClientWatch(port, server.getAddress());
        } catch (IOException taken) {
            blobs.close();
            throw taken;
        }
        Routes routes = new Routes(VERSION, models, loaded, prompts, blobs, clients);
        server.setExecutor(threads);
        server.createContext("/", routes::handle);
    }

    /** Serves a GGUF file under its own name, on a free port. */
    public static EmbeddedOllama start(Path gguf) throws IOException {
        String file = gguf.getFileName().toString();
        return start(gguf, file.replaceFirst("\\.gguf$", "").replaceAll("[^A-Za-z0-9_.-]", "-"));
    }

    /** Serves a GGUF file under a name, on a free port. */
    public static EmbeddedOllama start(Path gguf, String name) throws IOException {
        return start(gguf, name, 0);
    }

    /**
     * Serves a GGUF file.
     *
     * @param name what clients call the model
     * @param port the port on the loopback address; 0 for any that is free
     */
    public static EmbeddedOllama start(Path gguf, String name, int port) throws IOException {
        EmbeddedOllama ollama = new EmbeddedOllama(port);
        try {
            ollama.models.put(
                    name, ServedModel.of(gguf.toAbsolutePath(), List.of(), "", "", Map.of(), List.of(), List.of()));
            ollama.server.start();
            ollama.clients.start();
            return ollama;
        } catch (Throwable failure) {
            ollama.close();
            throw failure;
        }
    }

    /**
     * {@code --model FILE [--name NAME] [--port N]}: serves until the process ends; port 11434 unless said otherwise.
     */
    public static void main(String[] args) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i], args[i + 1]);
        }
        if (args.length % 2 != 0
                || !options.containsKey("--model")
                || !List.of("--model", "--name", "--port").containsAll(options.keySet())) {
            System.err.println("usage: EmbeddedOllama --model FILE.gguf [--name NAME] [--port 11434]");
            System.exit(2);
        }
        Path gguf = Path.of(options.get("--model"));
        String name =
                options.getOrDefault("--name", gguf.getFileName().toString().replaceFirst("\\.gguf$", ""));
        EmbeddedOllama ollama = start(gguf, name, Integer.parseInt(options.getOrDefault("--port", "11434")));
        System.out.println(ollama);
        Runtime.getRuntime().addShutdownHook(new Thread(ollama::close));
        // The server's threads are daemons: this one keeps the process.
        try {
            Thread.currentThread().join();
        } catch (InterruptedException end) {
            ollama.close();
        }
    }

    /** The server's address, such as {@code http://127.0.0.1:11434}. */
    public String url() {
        return "http://127.0.0.1:" + clients.port();
    }

    /**
     * The address and the models; for a file that came without a template, which of Ollama's built-in ones makes its
     * prompts.
     */
    @Override
    public String toString() {
        return url() + " serves "
                + models.all().entrySet().stream()
                        .map(m -> m.getKey()
                                + (m.getValue().builtIn().isEmpty()
                                                || m.getValue().goTemplate().isEmpty()
                                        ? ""
                                        : " (prompts by Ollama's template "
                                                + m.getValue().builtIn() + ", which is the nearest to the file's own)"))
                        .collect(Collectors.joining(", "));
    }

    /** Stops the server, unloads its models and deletes the blobs that were sent. */
    @Override
    public void close() {
        server.stop(0);
        clients.close();
        threads.shutdownNow();
        loaded.close();
        prompts.close();
        blobs.close();
    }

    static Thread daemon(Runnable run) {
        Thread thread = new Thread(run, "embedded-ollama");
        thread.setDaemon(true);
        return thread;
    }

    /** What models are found by: Ollama does not tell upper case from lower. */
    static String key(String name) {
        return Models.key(name);
    }
}
