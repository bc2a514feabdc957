package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaIterator;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.PoolingType;
import io.tunebook.ollama.server.Engine.SamplingOptions;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** llama.cpp as its Java binding on Maven Central brings it: older, and there wherever the library is. */
final class BindingEngine implements Engine {
    private final LlamaModel llama;
    private final int context;
    /**
     * The tokens of the request before, its answer's with them: llama.cpp goes on from what a new prompt has in common
     * with them.
     */
    private int[] known = {};

    BindingEngine(Path gguf, List<Path> adapters, int context, int threads, boolean embedding) {
        this.context = context;
        ModelParameters parameters = new ModelParameters()
                .setModel(gguf.toString())
                .setCtxSize(context)
                .setThreads(threads)
                .setThreadsBatch(threads)
                .skipWarmup()
                .disableLog();
        adapters.forEach(a -> parameters.addLoraAdapter(a.toString()));
        if (embedding) {
            parameters.enableEmbedding();
            // As Ollama does where the file names no pooling.
            parameters.setPoolingType(PoolingType.LAST);
            // A text's vector is made in one go: a batch that is shorter than the text ends the process.
            parameters.setBatchSize(context).setUbatchSize(context);
        }
        llama = new LlamaModel(parameters);
    }

    @Override
    public int[] tokens(String text) {
        return llama.encode(text);
    }

    @Override
    public String text(int[] tokens) {
        return llama.decode(tokens);
    }

    @Override
    public float[] embed(String text) {
        return llama.embed(text);
    }

    /** The binding ends the process when it is asked for them. */
    @Override
    public boolean givesLogprobs() {
        return false;
    }

    @Override
    public Runner.Figures complete(Completion completion, Output output) {
        String prompt = completion.prompt();
        JsonNode options = completion.options();
        int[] tokens = llama.encode(prompt);
        int promptTokens = tokens.length;
        int same = Arrays.mismatch(tokens, known);
        // One token at least is computed anew.
        int cached = Math.max(0, Math.min(same < 0 ? promptTokens : same, promptTokens - 1));
        int limit = SamplingOptions.limit(options, context, promptTokens);
        InferenceParameters parameters = new InferenceParameters(prompt)
                .setNPredict(limit)
                .setCachePrompt(true)
                .setTemperature((float) options.path("temperature").asDouble(SamplingOptions.TEMPERATURE))
                .setTopK(options.path("top_k").asInt(SamplingOptions.TOP_K))
                .setTopP((float) options.path("top_p").asDouble(SamplingOptions.TOP_P))
                .setMinP((float) options.path("min_p").asDouble(0))
                .setRepeatPenalty((float) options.path("repeat_penalty").asDouble(1.0))
                .setTypicalP((float) options.path("typical_p").asDouble(1.0))
                .setRepeatLastN(options.path("repeat_last_n").asInt(SamplingOptions.REPEAT_LAST))
                .setPresencePenalty((float) options.path("presence_penalty").asDouble(0))
                .setFrequencyPenalty((float) options.path("frequency_penalty").asDouble(0))
                .setSeed(options.path("seed").asInt(-1));
        List<String> stops = SamplingOptions.stops(options);
        if (!stops.isEmpty()) {
            parameters.setStopStrings(stops.toArray(String[]::new));
        }
        if (completion.grammar() != null) {
            parameters.setGrammar(completion.grammar());
        }
        return run(parameters, output, prompt, promptTokens, cached, limit);
    }

    private Runner.Figures run(
            InferenceParameters parameters, Output output, String prompt, int promptTokens, int cached, int limit) {
        StringBuilder said = new StringBuilder();
        long start = System.nanoTime();
        long first = 0;
        int tokens = 0;
        LlamaIterator pieces = llama.generate(parameters).iterator();
        boolean whole = false;
        try {
            while (pieces.hasNext() && !output.stopped()) {
                LlamaOutput piece = pieces.next();
                first = first == 0 ? System.nanoTime() : first;
                tokens++;
                said.append(piece.text);
                if (!piece.text.isEmpty()) {
                    output.piece(piece.text, null);
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
