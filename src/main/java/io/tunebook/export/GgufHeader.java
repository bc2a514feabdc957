package io.tunebook.export;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.RopeScaling;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tokenizer.PreTokenizers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What GGUF says before its tensors, taken from a Hugging Face folder: {@code config.json}, {@code tokenizer.json},
 * {@code tokenizer_config.json} and {@code chat_template.jinja}. The keys are those of llama.cpp's
 * {@code convert_hf_to_gguf.py}.
 */
final class GgufHeader {
    private static final int NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5, BYTE = 6;

    private final Path folder;
    private final ModelConfig config;
    private final JsonNode tokenizer;
    private final JsonNode settings;

    private GgufHeader(Path folder, ModelConfig config) throws IOException {
        this.folder = folder;
        this.config = config;
        this.tokenizer = parse(folder.resolve("tokenizer.json"));
        Path optional = folder.resolve("tokenizer_config.json");
        this.settings = Files.exists(optional) ? parse(optional) : Json.files().createObjectNode();
    }

    /**
     * Sets a model's metadata, and adds the tensors of factors that the scaling of Llama 3 and LongRoPE need.
     *
     * @throws ModelFormatException if the tokenizer is not byte-level or SentencePiece-like BPE, or cuts text by a rule
     *     that llama.cpp has no name for
     */
    static void write(Path folder, ModelConfig config, GgufWriter writer) throws IOException {
        GgufHeader metadata = new GgufHeader(folder, config);
        metadata.model(writer);
        metadata.vocabulary(writer);
        metadata.special(writer);
    }

    private static JsonNode parse(Path file) throws IOException {
        try {
            return Json.files().readTree(Files.readAllBytes(file));
        } catch (JacksonException broken) {
            throw new ModelFormatException(file, "expected JSON: " + broken.getMessage(), broken);
        }
    }

    private void model(GgufWriter writer) {
        String arch = config.family().gguf();
        writer.string("general.architecture", arch)
                .string("general.type", "model")
                .string(
                        "general.name",
                        folder.toAbsolutePath().normalize().getFileName().toString())
                .uint32(arch + ".block_count", config.layers())
                .uint32(arch + ".context_length", config.maxPositions())
                .uint32(arch + ".embedding_length", config.hiddenSize())
                .uint32(arch + ".feed_forward_length", config.intermediateSize())
                .uint32(arch + ".attention.head_count", config.heads())
                .uint32(arch + ".attention.head_count_kv", config.kvHeads())
                .uint32(arch + ".attention.key_length", config.headDim())
                .uint32(arch + ".attention.value_length", config.headDim())
                .float32(arch + ".attention.layer_norm_rms_epsilon", config.rmsNormEps())
                .float32(arch + ".rope.freq_base", (float) config.ropeTheta())
                .uint32(arch + ".rope.dimension_count", config.rotaryWidth())
                .uint32(arch + ".vocab_size", config.vocabularySize());
        config.family().ggufKeys(config).forEach((key, value) -> {
            if (value instanceof Integer whole) {
                writer.uint32(arch + "." + key, whole);
            } else if (value instanceof int[] several) {
                writer.int32s(arch + "." + key, several);
            } else {
                writer.float32(arch + "." + key, (Float) value);
            }
        });
        config.family().ggufScaling(config).ifPresent(scaling -> {
            if (scaling instanceof RopeScaling.Linear linear) {
                writer.string(arch + ".rope.scaling.type", "linear")
                        .float32(arch + ".rope.scaling.factor", (float) linear.factor());
            } else if (scaling instanceof RopeScaling.Yarn yarn) {
                yarn(writer, arch, yarn);
            } else if (scaling instanceof RopeScaling.LongRope both) {
                writer.uint32(arch + ".rope.scaling.original_context_length", both.originalMaxPositions())
                        .float32(arch + ".rope.scaling.attn_factor", (float) both.attentionFactor());
                vector(writer, "rope_factors_short.weight", both.shortDivisors());
                vector(writer, "rope_factors_long.weight", both.longDivisors());
            } else {
                divisors(writer);
            }
        });
    }

    /** llama.cpp multiplies the paper's attention factor with its own, which is 1 where there is none. */
    private void yarn(GgufWriter writer, String arch, RopeScaling.Yarn yarn) {
        if (!yarn.truncate()) {
            throw new IllegalArgumentException(
                    folder.resolve("config.json") + ": YaRN with truncate false cannot be written to a GGUF file");
        }
        double paper = RopeScaling.Yarn.attentionFactor(yarn.factor(), 1);
        writer.string(arch + ".rope.scaling.type", "yarn")
                .float32(arch + ".rope.scaling.factor", (float) yarn.factor())
                .uint32(arch + ".rope.scaling.original_context_length", yarn.originalMaxPositions())
                .float32(arch + ".rope.scaling.attn_factor", (float) (yarn.attentionFactor() / paper))
                .float32(arch + ".rope.scaling.yarn_beta_fast", (float) yarn.betaFast())
                .float32(arch + ".rope.scaling.yarn_beta_slow", (float) yarn.betaSlow());
    }

    private void divisors(GgufWriter writer) {
        float[] scaled = config.ropes().get(0).inverseFrequencies();
        List<Float> divisors = new ArrayList<>();
        for (int i = 0; i < scaled.length; i++) {
            divisors.add((float) (Math.pow(config.ropeTheta(), -2.0 * i / config.rotaryWidth()) / scaled[i]));
        }
        vector(writer, "rope_freqs.weight", divisors);
    }

    private static void vector(GgufWriter writer, String name, List<Float> values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.size()).order(ByteOrder.LITTLE_ENDIAN);
        values.forEach(bytes::putFloat);
        writer.tensor(name, GgufType.F32, new long[] {values.size()}, out -> out.write(bytes.rewind()));
    }

    private void vocabulary(GgufWriter writer) throws ModelFormatException {
        JsonNode model = tokenizer.path("model");
        if (!model.path("type").asText("BPE").equals("BPE")
                || !model.path("vocab").isObject()) {
            throw new ModelFormatException(
                    folder.resolve("tokenizer.json"), "expected a BPE vocabulary, found " + model.path("type"));
        }
        boolean sentencePiece = model.path("byte_fallback").asBoolean(false);
        String[] tokens = new String[config.vocabularySize()];
        int[] types = new int[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = "[PAD" + i + "]";
            types[i] = UNUSED;
        }
        for (var entry : model.path("vocab").properties()) {
            int id = id(entry.getValue(), entry.getKey());
            tokens[id] = entry.getKey();
            types[id] = sentencePiece && entry.getKey().matches("<0x[0-9A-F]{2}>") ? BYTE : NORMAL;
        }
        for (JsonNode added : tokenizer.path("added_tokens")) {
            int id = id(added.path("id"), added.path("content").asText());
            tokens[id] = added.path("content").asText();
            types[id] = added.path("special").asBoolean() ? CONTROL : USER_DEFINED;
            if (sentencePiece && tokens[id].equals(model.path("unk_token").asText())) {
                types[id] = UNKNOWN;
            }
        }
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : model.path("merges")) {
            merges.add(
                    merge.isArray() ? merge.get(0).asText() + " " + merge.get(1).asText() : merge.asText());
        }
        writer.strings("tokenizer.ggml.tokens", Arrays.asList(tokens)).int32s("tokenizer.ggml.token_type", types);
        if (sentencePiece) {
            writer.string("tokenizer.ggml.model", "llama")
                    .string("tokenizer.ggml.pre", "default")
                    .float32s("tokenizer.ggml.scores", scores(tokens, merges));
        } else {
            writer.string("tokenizer.ggml.model", "gpt2")
                    .string("tokenizer.ggml.pre", rule())
                    .strings("tokenizer.ggml.merges", merges);
        }
    }

    private int id(JsonNode value, String token) throws ModelFormatException {
        if (!value.canConvertToInt() || value.intValue() < 0 || value.intValue() >= config.vocabularySize()) {
            throw new ModelFormatException(
                    folder.resolve("tokenizer.json"),
                    "token " + token + ": expected an id below the model's vocabulary of " + config.vocabularySize()
                            + ", found " + value);
        }
        return value.intValue();
    }

    /**
     * SentencePiece joins the pair whose result scores highest, BPE the one whose merge stands first: minus its place.
     */
    private static float[] scores(String[] tokens, List<String> merges) {
        Map<String, Integer> places = new HashMap<>();
        for (int i = 0; i < merges.size(); i++) {
            places.putIfAbsent(merges.get(i).replace(" ", ""), i);
        }
        float[] scores = new float[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            scores[i] = -places.getOrDefault(tokens[i], merges.size());
        }
        return scores;
    }

    /** llama.cpp's name for the rule that cuts text into words before the merges. */
    private String rule() throws ModelFormatException {
        return PreTokenizers.kindOf(tokenizer)
                .orElseThrow(() -> new ModelFormatException(
                        folder.resolve("tokenizer.json"),
                        "llama.cpp has no pre-tokenizer that cuts text as this one does, so that it would give the model"
                                + " other tokens than it was trained on: " + tokenizer.path("pre_tokenizer")
                                + ", normalizer " + tokenizer.path("normalizer")));
    }

    private void special(GgufWriter writer) throws IOException {
        JsonNode model = parse(folder.resolve("config.json"));
        for (String role : List.of("bos", "eos", "unk", "pad")) {
            JsonNode token = settings.path(role + "_token");
            String content = token.isObject() ? token.path("content").asText() : token.asText("");
            String field = role + "_token_id";
            JsonNode fallback = (model.has(field) ? model : model.path("text_config")).path(field);
            Optional<Integer> id = Optional.ofNullable(idOf(content));
            if (id.isEmpty() && (fallback.isInt() || fallback.path(0).isInt())) {
                id = Optional.of(
                        fallback.isInt() ? fallback.intValue() : fallback.get(0).intValue());
            }
            String key = Map.of("unk", "unknown", "pad", "padding").getOrDefault(role, role);
            id.ifPresent(i -> writer.uint32("tokenizer.ggml." + key + "_token_id", i));
        }
        writer.bool("tokenizer.ggml.add_bos_token", addsBos());
        Path template = folder.resolve("chat_template.jinja");
        JsonNode inSettings = settings.path("chat_template");
        if (Files.exists(template)) {
            writer.string("tokenizer.chat_template", Files.readString(template));
        } else if (inSettings.isTextual()) {
            writer.string("tokenizer.chat_template", inSettings.asText());
        } else {
            for (JsonNode named : inSettings) {
                if (named.path("name").asText().equals("default")) {
                    writer.string(
                            "tokenizer.chat_template", named.path("template").asText());
                }
            }
        }
    }

    private Integer idOf(String content) {
        for (JsonNode added : tokenizer.path("added_tokens")) {
            if (added.path("content").asText().equals(content)) {
                return added.path("id").asInt();
            }
        }
        JsonNode id = tokenizer.path("model").path("vocab").path(content);
        return id.isInt() ? id.intValue() : null;
    }

    /** As the tokenizer itself does it, by its template; {@code add_bos_token} where it has none. */
    private boolean addsBos() {
        JsonNode bos = settings.path("bos_token");
        String content = bos.isObject() ? bos.path("content").asText() : bos.asText("");
        for (JsonNode step : tokenizer.findValues("single")) {
            return step.path(0).path("SpecialToken").path("id").asText("").equals(content) && !content.isEmpty();
        }
        return settings.path("add_bos_token").asBoolean(false) && !content.isEmpty();
    }
}
