package io.tunebook.model.family;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The tensors of a decoder whose layers are attention and SwiGLU, each behind an RMSNorm, and their names in GGUF. */
final class DenseTensors {
    private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)\\.(weight|bias)");
    private static final Map<String, String> ENDS = Map.of(
            "model.embed_tokens.weight", "token_embd.weight",
            "model.norm.weight", "output_norm.weight",
            "lm_head.weight", "output.weight");
    private static final Map<String, String> NORMS = Map.of(
            "input_layernorm", "attn_norm",
            "self_attn.q_norm", "attn_q_norm",
            "self_attn.k_norm", "attn_k_norm",
            "post_attention_layernorm", "ffn_norm");

    private DenseTensors() {}

    static Map<String, long[]> shapes(ModelConfig c) {
        Map<String, long[]> out = new LinkedHashMap<>();
        out.put("model.embed_tokens.weight", new long[] {c.vocabularySize(), c.hiddenSize()});
        for (int i = 0; i < c.layers(); i++) {
            String layer = "model.layers." + i + ".";
            out.put(layer + "input_layernorm.weight", new long[] {c.hiddenSize()});
            for (Target t : Target.values()) {
                if (t == Target.GATE) {
                    attentionVectors(c, i, out);
                    out.put(layer + "post_attention_layernorm.weight", new long[] {c.hiddenSize()});
                }
                out.put(t.module(i) + ".weight", new long[] {t.out(c), t.in(c)});
            }
        }
        out.put("model.norm.weight", new long[] {c.hiddenSize()});
        if (!c.tiedEmbeddings()) {
            out.put("lm_head.weight", new long[] {c.vocabularySize(), c.hiddenSize()});
        }
        return out;
    }

    private static void attentionVectors(ModelConfig c, int layer, Map<String, long[]> out) {
        if (c.attentionBias()) {
            for (Target t : Target.Product.QKV.targets()) {
                out.put(t.module(layer) + ".bias", new long[] {t.out(c)});
            }
        }
        if (c.outputBias()) {
            out.put(Target.O.module(layer) + ".bias", new long[] {c.hiddenSize()});
        }
        if (c.qkNorm()) {
            out.put("model.layers." + layer + ".self_attn.q_norm.weight", new long[] {c.headDim()});
            out.put("model.layers." + layer + ".self_attn.k_norm.weight", new long[] {c.headDim()});
        }
    }

    static String ggufName(String name) {
        if (ENDS.containsKey(name)) {
            return ENDS.get(name);
        }
        Matcher layer = LAYER.matcher(name);
        if (layer.matches()) {
            String module = layer.group(2);
            String gguf = NORMS.get(module);
            for (Target t : Target.values()) {
                gguf = t.module().equals(module) ? t.gguf() : gguf;
            }
            if (gguf != null) {
                return "blk." + layer.group(1) + "." + gguf + "." + layer.group(3);
            }
        }
        throw new IllegalArgumentException("no GGUF name is known for the tensor " + name);
    }

    /** Of q and k where llama.cpp rotates neighbours. */
    static int permutedHeads(ModelConfig config, String name) {
        return name.contains(".q_proj.") ? config.heads() : name.contains(".k_proj.") ? config.kvHeads() : 0;
    }
}
