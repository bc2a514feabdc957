package io.tunebook.model.family;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tensors of a decoder whose layers are attention and SwiGLU or experts, each behind an RMSNorm, and their names in
 * GGUF.
 */
final class DenseTensors {
    private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)\\.(weight|bias)");
    private static final String SINKS = "self_attn.sinks";
    private static final Map<String, String> ENDS = Map.of(
            "model.embed_tokens.weight", "token_embd.weight",
            "model.norm.weight", "output_norm.weight",
            "lm_head.weight", "output.weight");

    private DenseTensors() {}

    static Map<String, long[]> shapes(ModelConfig c) {
        Map<String, long[]> out = new LinkedHashMap<>();
        out.put("model.embed_tokens.weight", new long[] {c.vocabularySize(), c.hiddenSize()});
        for (int i = 0; i < c.layers(); i++) {
            norm(c, Norm.ATTENTION, i, out);
            Target.Product before = Target.Product.QKV;
            for (Target t : c.targets(i)) {
                if (before == Target.Product.O && t.product() != before) {
                    betweenHalves(c, i, out);
                }
                if (!t.ofExperts()) {
                    out.put(t.module(i) + ".weight", new long[] {t.out(c), t.in(c)});
                }
                before = t.product();
            }
            if (c.experts().isPresent()) {
                c.experts().get().shapes(c, i, out);
            }
            norm(c, Norm.MLP_OUT, i, out);
        }
        out.put("model.norm.weight", new long[] {c.hiddenSize()});
        if (!c.tiedEmbeddings()) {
            out.put("lm_head.weight", new long[] {c.vocabularySize(), c.hiddenSize()});
        }
        return out;
    }

    /** What is no matrix of attention, and the norms around. */
    private static void betweenHalves(ModelConfig c, int layer, Map<String, long[]> out) {
        if (c.layer(layer).delta()) {
            c.delta().orElseThrow().shapes(layer, out);
        } else {
            besideAttention(c, layer, out);
        }
        norm(c, Norm.ATTENTION_OUT, layer, out);
        norm(c, Norm.MLP, layer, out);
    }

    private static void besideAttention(ModelConfig c, int layer, Map<String, long[]> out) {
        if (c.attentionBias()) {
            for (Target t : Target.Product.QKV.targets(c, layer)) {
                out.put(t.module(layer) + ".bias", new long[] {t.out(c)});
            }
        }
        if (c.outputBias()) {
            out.put(Target.O.module(layer) + ".bias", new long[] {c.hiddenSize()});
        }
        if (c.family().sinks()) {
            out.put("model.layers." + layer + "." + SINKS, new long[] {c.heads()});
        }
        norm(c, Norm.Q, layer, out);
        norm(c, Norm.K, layer, out);
    }

    private static void norm(ModelConfig c, Norm norm, int layer, Map<String, long[]> out) {
        if (norm.width(c) > 0) {
            out.put("model.layers." + layer + "." + c.family().module(norm) + ".weight", new long[] {norm.width(c)});
        }
    }

    static String ggufName(String name, Family family) {
        if (ENDS.containsKey(name)) {
            return ENDS.get(name);
        }
        Matcher layer = LAYER.matcher(name.endsWith(SINKS) ? name + ".weight" : name);
        if (layer.matches()) {
            String module = layer.group(2);
            String gguf = module.equals(SINKS) ? "attn_sinks" : Experts.gguf(module);
            for (Norm norm : Norm.values()) {
                gguf = family.module(norm).equals(module) ? family.gguf(norm) : gguf;
            }
            for (Target t : family.targets()) {
                gguf = t.module().equals(module) ? t.gguf() : gguf;
            }
            for (Target t : family.deltaTargets()) {
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
