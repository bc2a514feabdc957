package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.ollama.llamacpp.LlamaCpp;
import io.tunebook.ollama.llamacpp.LlamaModel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The process of a {@link Runner}: holds one model, reads a request from each line of its input and writes answers as
 * lines of JSON. It ends when its input does, which is when the JVM that started it is gone.
 */
final class RunnerProcess {
    private static final ObjectMapper JSON = Json.wire();
    /** The environment's name for the folder of llama.cpp's libraries. */
    static final String LLAMA_CPP = "TUNEBOOK_LLAMA_CPP";

    private final PrintStream out;
    private final int context;
    private final BlockingQueue<JsonNode> requests = new LinkedBlockingQueue<>();
    private Engine engine;
    /** Why llama.cpp is not the newer one, null where it is. */
    private String older;

    private volatile boolean stopped;

    private RunnerProcess(PrintStream out, int context) {
        this.out = out;
        this.context = context;
    }

    /** {@code CONTEXT EMBEDDING GGUF ADAPTER…} */
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // The binding tells on the standard output where it found its library.
        System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
        int context = Integer.parseInt(args[0]);
        RunnerProcess process = new RunnerProcess(out, context);
        // From now on, also while llama.cpp loads: the end of the input ends this process.
        Thread reader = new Thread(process::read, "requests");
        reader.setDaemon(true);
        reader.start();
        boolean embedding = Boolean.parseBoolean(args[1]);
        Path gguf = Path.of(args[2]);
        List<Path> adapters = Arrays.stream(args).skip(3).map(Path::of).toList();
        process.load(gguf, adapters, embedding);
        process.serve();
    }

    private void load(Path gguf, List<Path> adapters, boolean embedding) {
        String folder = System.getenv(LLAMA_CPP);
        String why = LLAMA_CPP + " names no folder of llama.cpp " + LlamaCpp.VERSION;
        if (folder != null && !folder.isBlank()) {
            LlamaCpp.Search search = LlamaCpp.in(Path.of(folder).toAbsolutePath());
            if (search instanceof LlamaCpp.Search.Found found) {
                LlamaModel.Settings settings = new LlamaModel.Settings(context, LlamaCpp.cores(), embedding);
                engine = new LlamaCppEngine(new LlamaModel(found.llama(), gguf, adapters, settings), context);
                return;
            }
            why = ((LlamaCpp.Search.Missing) search).why();
        }
        older = why;
        engine = new BindingEngine(gguf, adapters, context, LlamaCpp.cores(), embedding);
    }

    private void serve() throws InterruptedException {
        write(JSON.createObjectNode()
                .put("ready", true)
                .put("logprobs", engine.givesLogprobs())
                .put("older", older));
        while (true) {
            JsonNode request = requests.take();
            stopped = false;
            try {
                write(answer(request));
            } catch (IllegalArgumentException wrong) {
                write(JSON.createObjectNode().put("wrong", String.valueOf(wrong.getMessage())));
            } catch (RuntimeException failed) {
                write(JSON.createObjectNode().put("failed", String.valueOf(failed.getMessage())));
            }
        }
    }

    private void read() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JsonNode request = JSON.readTree(line);
                if (request.path("do").asText().equals("stop")) {
                    stopped = true;
                } else {
                    requests.add(request);
                }
            }
        } catch (IOException gone) {
            // as at the end of the input
        }
        Runtime.getRuntime().halt(0);
    }

    private void write(ObjectNode answer) {
        out.println(answer);
        out.flush();
    }

    private ObjectNode answer(JsonNode request) {
        String text = request.path("text").asText();
        ObjectNode out = JSON.createObjectNode();
        switch (request.path("do").asText()) {
            case "complete" -> out.set("figures", JSON.valueToTree(complete(request)));
            case "tokens" -> out.set("result", JSON.valueToTree(engine.tokens(text)));
            case "embed" -> out.set("result", JSON.valueToTree(engine.embed(text)));
            case "text" -> out.put("result", engine.text(JSON.convertValue(request.get("tokens"), int[].class)));
            default -> throw new IllegalArgumentException("unknown request " + request);
        }
        return out;
    }

    private Runner.Figures complete(JsonNode request) {
        Engine.Completion completion = new Engine.Completion(
                request.path("prompt").asText(),
                request.path("options"),
                request.hasNonNull("grammar") ? request.get("grammar").asText() : null,
                request.path("likely").asInt(-1));
        return engine.complete(completion, new Engine.Output() {
            @Override
            public void piece(String text, ArrayNode logprobs) {
                ObjectNode piece = JSON.createObjectNode().put("piece", text);
                if (logprobs != null) {
                    piece.set("logprobs", logprobs);
                }
                write(piece);
            }

            @Override
            public boolean stopped() {
                return stopped;
            }
        });
    }
}
