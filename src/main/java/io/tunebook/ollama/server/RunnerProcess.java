package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaIterator;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.PoolingType;
import io.tunebook.files.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The process of a {@link Runner}: holds one model, reads a request from each line of its input and writes answers as lines of JSON. It ends when its input does,
 * which is when the JVM that started it is gone.
 */
final class RunnerProcess {
    private static final ObjectMapper JSON = Json.wire();

    private final PrintStream out;
    private final int context;
    private final BlockingQueue<JsonNode> requests = new LinkedBlockingQueue<>();
    private LlamaModel llama;
    /** The tokens of the request before, its answer's with them: llama.cpp goes on from what a new prompt has in common with them. */
    private int[] known = {};

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
        int threads = cores();
        ModelParameters parameters = new ModelParameters()
                .setModel(args[2])
                .setCtxSize(context)
                .setThreads(threads)
                .setThreadsBatch(threads)
                .skipWarmup()
                .disableLog();
        for (int i = 3; i < args.length; i++) {
            parameters.addLoraAdapter(args[i]);
        }
        if (Boolean.parseBoolean(args[1])) {
            parameters.enableEmbedding();
            // As Ollama does where the file names no pooling.
            parameters.setPoolingType(PoolingType.LAST);
            // A text's vector is made in one go: a batch that is shorter than the text ends the process.
            parameters.setBatchSize(context).setUbatchSize(context);
        }
        process.llama = new LlamaModel(parameters);
        process.serve();
    }

    /** One thread for each physical core, counted as llama.cpp does it: more only spin while they wait for one another. */
    private static int cores() {
        int processors = Runtime.getRuntime().availableProcessors();
        Set<String> siblings = new HashSet<>();
        for (int i = 0; i < processors; i++) {
            try {
                siblings.add(
                        Files.readString(Path.of("/sys/devices/system/cpu/cpu" + i + "/topology/thread_siblings")));
            } catch (IOException elsewhere) {
                return Math.max(1, processors / 2);
            }
        }
        return Math.max(1, siblings.size());
    }

    private void serve() throws InterruptedException {
        write(JSON.createObjectNode().put("ready", true));
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
            case "tokens" -> out.set("result", JSON.valueToTree(llama.encode(text)));
            case "embed" -> out.set("result", JSON.valueToTree(llama.embed(text)));
            case "text" -> out.put("result", llama.decode(JSON.convertValue(request.get("tokens"), int[].class)));
            default -> throw new IllegalArgumentException("unknown request " + request);
        }
        return out;
    }

    private Runner.Figures complete(JsonNode request) {
        String prompt = request.path("prompt").asText();
        JsonNode options = request.path("options");
        int[] tokens = llama.encode(prompt);
        int promptTokens = tokens.length;
        int same = Arrays.mismatch(tokens, known);
        // One token at least is computed anew.
        int cached = Math.max(0, Math.min(same < 0 ? promptTokens : same, promptTokens - 1));
        int limit = options.path("num_predict").asInt(-1);
        int room = context - promptTokens;
        if (room <= 0) {
            throw new IllegalArgumentException("the input length exceeds the context length");
        }
        limit = limit <= 0 ? room : Math.min(limit, room);
        InferenceParameters parameters = new InferenceParameters(prompt)
                .setNPredict(limit)
                .setCachePrompt(true)
                .setTemperature((float) options.path("temperature").asDouble(0.8))
                .setTopK(options.path("top_k").asInt(40))
                .setTopP((float) options.path("top_p").asDouble(0.9))
                .setMinP((float) options.path("min_p").asDouble(0))
                .setRepeatPenalty((float) options.path("repeat_penalty").asDouble(1.0))
                .setTypicalP((float) options.path("typical_p").asDouble(1.0))
                .setRepeatLastN(options.path("repeat_last_n").asInt(64))
                .setPresencePenalty((float) options.path("presence_penalty").asDouble(0))
                .setFrequencyPenalty((float) options.path("frequency_penalty").asDouble(0))
                .setSeed(options.path("seed").asInt(-1));
        List<String> stops = new ArrayList<>();
        options.path("stop").forEach(s -> stops.add(s.asText()));
        if (options.path("stop").isTextual()) {
            stops.add(options.path("stop").asText());
        }
        if (!stops.isEmpty()) {
            parameters.setStopStrings(stops.toArray(String[]::new));
        }
        if (request.hasNonNull("grammar")) {
            parameters.setGrammar(request.get("grammar").asText());
        }
        return run(parameters, prompt, promptTokens, cached, limit);
    }

    private Runner.Figures run(InferenceParameters parameters, String prompt, int promptTokens, int cached, int limit) {
        StringBuilder said = new StringBuilder();
        long start = System.nanoTime();
        long first = 0;
        int tokens = 0;
        LlamaIterator pieces = llama.generate(parameters).iterator();
        boolean whole = false;
        try {
            while (pieces.hasNext() && !stopped) {
                LlamaOutput piece = pieces.next();
                first = first == 0 ? System.nanoTime() : first;
                tokens++;
                said.append(piece.text);
                if (!piece.text.isEmpty()) {
                    write(JSON.createObjectNode().put("piece", piece.text));
                }
            }
            whole = !pieces.hasNext();
        } finally {
            if (!whole) {
                pieces.cancel();
            }
        }
        long end = System.nanoTime();
        known = llama.encode(prompt + said);
        // The last piece only says that this is the end.
        tokens = Math.max(0, tokens - 1);
        return new Runner.Figures(
                promptTokens,
                cached,
                (first == 0 ? end : first) - start,
                tokens,
                first == 0 ? 0 : end - first,
                tokens >= limit);
    }
}
