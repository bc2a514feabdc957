package io.tunebook.ollama.llamacpp;

import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;

/**
 * The functions of {@code llama.h} that are called, with its names and its structures' fields in their order, as
 * release 0.4.0 of llama.cpp has them. A C {@code bool} is a byte here: its upper bits are undefined where a function
 * returns one.
 *
 * @see <a href="https://github.com/ggml-org/llama.cpp/blob/v0.4.0/include/llama.h">llama.h</a>
 */
interface LlamaLibrary extends Library {
    /** {@code LLAMA_POOLING_TYPE_UNSPECIFIED}: what the model's file says. */
    int POOLING_OF_FILE = -1;

    /** {@code LLAMA_POOLING_TYPE_LAST}: the last token's vector stands for the text. */
    int POOLING_LAST = 3;

    /** {@code struct llama_model_params}. */
    @FieldOrder({
        "devices",
        "bufferOverrides",
        "gpuLayers",
        "splitMode",
        "loadMode",
        "lazyMode",
        "mainGpu",
        "tensorSplit",
        "progress",
        "progressData",
        "metadataOverrides",
        "vocabularyOnly",
        "checkTensors",
        "extraBuffers",
        "noHost",
        "noAllocation",
        "loadMtp"
    })
    final class ModelParams extends Structure implements Structure.ByValue {
        public Pointer devices;
        public Pointer bufferOverrides;
        public int gpuLayers;
        public int splitMode;
        public int loadMode;
        public int lazyMode;
        public int mainGpu;
        public Pointer tensorSplit;
        public Pointer progress;
        public Pointer progressData;
        public Pointer metadataOverrides;
        public byte vocabularyOnly;
        public byte checkTensors;
        public byte extraBuffers;
        public byte noHost;
        public byte noAllocation;
        public byte loadMtp;
    }

    /** {@code struct llama_context_params}. */
    @FieldOrder({
        "context",
        "batch",
        "microBatch",
        "sequences",
        "recurrentSnapshots",
        "outputs",
        "outputsPerSequence",
        "threads",
        "threadsBatch",
        "contextType",
        "ropeScaling",
        "pooling",
        "attention",
        "flashAttention",
        "ropeBase",
        "ropeScale",
        "yarnExtension",
        "yarnAttention",
        "yarnFast",
        "yarnSlow",
        "yarnContext",
        "defragment",
        "evaluated",
        "evaluatedData",
        "keyType",
        "valueType",
        "abort",
        "abortData",
        "embeddings",
        "offloadCache",
        "noTimes",
        "offloadOperators",
        "fullWindow",
        "unifiedCache",
        "samplers",
        "samplerCount",
        "other"
    })
    final class ContextParams extends Structure implements Structure.ByValue {
        public int context;
        public int batch;
        public int microBatch;
        public int sequences;
        public int recurrentSnapshots;
        public int outputs;
        public int outputsPerSequence;
        public int threads;
        public int threadsBatch;
        public int contextType;
        public int ropeScaling;
        public int pooling;
        public int attention;
        public int flashAttention;
        public float ropeBase;
        public float ropeScale;
        public float yarnExtension;
        public float yarnAttention;
        public float yarnFast;
        public float yarnSlow;
        public int yarnContext;
        public float defragment;
        public Pointer evaluated;
        public Pointer evaluatedData;
        public int keyType;
        public int valueType;
        public Pointer abort;
        public Pointer abortData;
        public byte embeddings;
        public byte offloadCache;
        public byte noTimes;
        public byte offloadOperators;
        public byte fullWindow;
        public byte unifiedCache;
        public Pointer samplers;
        public SizeT samplerCount;
        public Pointer other;
    }

    /** {@code struct llama_batch}: positions follow what the context has, and only the last token's logits are kept. */
    @FieldOrder({"count", "tokens", "vectors", "positions", "sequenceCounts", "sequences", "outputs"})
    final class Batch extends Structure implements Structure.ByValue {
        public int count;
        public Pointer tokens;
        public Pointer vectors;
        public Pointer positions;
        public Pointer sequenceCounts;
        public Pointer sequences;
        public Pointer outputs;
    }

    /**
     * {@code struct llama_token_data_array}; each of its data is an id, a logit and a probability of four bytes each.
     */
    @FieldOrder({"data", "size", "selected", "sorted"})
    final class Candidates extends Structure {
        static final int BYTES = 12;

        public Pointer data;
        public SizeT size;
        public long selected;
        public byte sorted;
    }

    /** {@code struct llama_sampler_chain_params}. */
    @FieldOrder("noTimes")
    final class ChainParams extends Structure implements Structure.ByValue {
        public byte noTimes;
    }

    /** {@code ggml_log_callback}. */
    interface Log extends Callback {
        void line(int level, String text, Pointer data);
    }

    void llama_log_set(Log log, Pointer data);

    void llama_backend_init();

    ModelParams llama_model_default_params();

    ContextParams llama_context_default_params();

    Pointer llama_model_load_from_file(byte[] path, ModelParams params);

    Pointer llama_init_from_model(Pointer model, ContextParams params);

    void llama_attach_threadpool(Pointer context, Pointer threads, Pointer threadsBatch);

    void llama_set_n_threads(Pointer context, int threads, int threadsBatch);

    void llama_free(Pointer context);

    void llama_model_free(Pointer model);

    Pointer llama_adapter_lora_init(Pointer model, byte[] path);

    int llama_set_adapters_lora(Pointer context, Pointer[] adapters, SizeT count, float[] scales);

    Pointer llama_model_get_vocab(Pointer model);

    int llama_model_meta_val_str(Pointer model, String key, byte[] text, SizeT size);

    int llama_model_n_embd_out(Pointer model);

    int llama_model_n_swa(Pointer model);

    int llama_vocab_n_tokens(Pointer vocabulary);

    byte llama_vocab_is_eog(Pointer vocabulary, int token);

    Pointer llama_vocab_get_suppress_tokens(Pointer vocabulary, int[] count);

    int llama_tokenize(
            Pointer vocabulary, byte[] text, int length, int[] tokens, int most, byte addSpecial, byte parseSpecial);

    int llama_token_to_piece(Pointer vocabulary, int token, byte[] text, int length, int strip, byte special);

    Pointer llama_get_memory(Pointer context);

    byte llama_memory_seq_rm(Pointer memory, int sequence, int from, int to);

    void llama_memory_clear(Pointer memory, byte data);

    int llama_memory_seq_pos_min(Pointer memory, int sequence);

    int llama_decode(Pointer context, Batch batch);

    int llama_encode(Pointer context, Batch batch);

    Pointer llama_get_logits_ith(Pointer context, int index);

    Pointer llama_get_embeddings_seq(Pointer context, int sequence);

    Pointer llama_sampler_chain_init(ChainParams params);

    void llama_sampler_chain_add(Pointer chain, Pointer sampler);

    Pointer llama_sampler_init_logit_bias(int vocabulary, int count, Pointer biases);

    Pointer llama_sampler_init_penalties(int vocabulary, int last, float repeat, float frequency, float presence);

    Pointer llama_sampler_init_top_k(int k);

    Pointer llama_sampler_init_typical(float p, SizeT keep);

    Pointer llama_sampler_init_top_p(float p, SizeT keep);

    Pointer llama_sampler_init_min_p(float p, SizeT keep);

    Pointer llama_sampler_init_temp(float temperature);

    Pointer llama_sampler_init_dist(int seed);

    Pointer llama_sampler_init_grammar(Pointer vocabulary, byte[] grammar, String root);

    int llama_sampler_sample(Pointer sampler, Pointer context, int index);

    void llama_sampler_apply(Pointer sampler, Candidates candidates);

    void llama_sampler_accept(Pointer sampler, int token);

    void llama_sampler_free(Pointer sampler);
}
