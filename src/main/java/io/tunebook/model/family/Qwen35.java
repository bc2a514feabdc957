package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Qwen3.5, dense, its text models: {@link DeltaNet} in most layers, in the others attention whose output is gated. The
 * first quarter of a head is rotated; norms have their distance from 1 in Hugging Face's files. Layers that predict
 * several tokens at once (MTP) are left out.
 */
final class Qwen35 implements Family {
    private static final Map<String, ?> DEFAULTS = Map.of("partial_rotary_factor", 0.25, "head_dim", 256);

    @Override
    public String name() {
        return "qwen3_5_text";
    }

    @Override
    public String gguf() {
        return "qwen35";
    }

    @Override
    public List<Target> deltaTargets() {
        return Target.DELTA;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return read(json, name());
    }

    /** @param family this one, or one whose layers differ in their MLP alone */
    static ModelConfig read(ConfigJson json, String family) throws ModelFormatException {
        ConfigJson all = json.orElse(DEFAULTS);
        boolean bias = all.flag("attention_bias");
        ModelConfig c = all.dense(family);
        DeltaNet delta = new DeltaNet(
                all.positive("linear_conv_kernel_dim"),
                all.positive("linear_num_key_heads"),
                all.positive("linear_num_value_heads"),
                all.positive("linear_key_head_dim"),
                all.positive("linear_value_head_dim"));
        List<LayerKind> kinds = new ArrayList<>();
        for (int i = 0; i < c.layers() && all.json().has("layer_types"); i++) {
            String kind = all.json().path("layer_types").path(i).asText();
            boolean linear = kind.equals("linear_attention");
            all.require("layer_types", kind, linear ? "linear_attention" : "full_attention");
            kinds.add(linear ? LayerKind.DELTA : LayerKind.PLAIN);
        }
        int interval = (int) all.number("full_attention_interval", 4);
        return c.biases(bias, bias)
                .qkNorm(true)
                .layers(kinds.isEmpty() ? pattern(interval, c.layers()) : kinds)
                .delta(delta.checked(json.file()));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return read(gguf, gguf.dense(name()));
    }

    static ModelConfig read(ConfigGguf gguf, ModelConfig c) throws IOException {
        int heads = gguf.positive("ssm.time_step_rank");
        DeltaNet delta = new DeltaNet(
                gguf.positive("ssm.conv_kernel"),
                gguf.positive("ssm.group_count"),
                heads,
                gguf.positive("ssm.state_size"),
                gguf.positive("ssm.inner_size") / heads);
        int interval = gguf.positive("full_attention_interval", 4);
        return c.qkNorm(true)
                .layers(pattern(interval, c.layers()))
                .delta(delta.checked(gguf.gguf().path()));
    }

    private static List<LayerKind> pattern(int interval, int layers) {
        return LayerKind.every(interval, LayerKind.PLAIN, LayerKind.DELTA, layers);
    }

    @Override
    public boolean gated() {
        return true;
    }

    @Override
    public float added(String tensor) {
        return tensor.endsWith("norm.weight") && !DeltaNet.has(tensor) ? 1 : 0;
    }

    /** In llama.cpp the norm before the MLP has the name that others have for one behind attention. */
    @Override
    public String gguf(Norm norm) {
        return norm == Norm.MLP ? Norm.ATTENTION_OUT.gguf() : norm.gguf();
    }

    @Override
    public String ggufName(String tensor) {
        String own = DeltaNet.ggufName(tensor);
        return own != null ? own : DenseTensors.ggufName(tensor, this);
    }

    @Override
    public GgufForm ggufForm(ModelConfig config, String tensor) {
        return DeltaNet.has(tensor) ? config.delta().orElseThrow().form(tensor) : GgufForm.AS_IS;
    }

    /**
     * Text has one position a token, so that the sections of the rotated dimensions are alike; files have them in
     * turns.
     */
    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        int interval = interval(config);
        config.requireKinds(pattern(interval, config.layers()));
        Map<String, Object> keys = new HashMap<>(config.delta().orElseThrow().ggufKeys());
        int pairs = config.rotaryWidth() / 2;
        keys.put("full_attention_interval", interval);
        keys.put("rope.dimension_sections", new int[] {(pairs + 2) / 3, (pairs + 1) / 3, pairs / 3, 0});
        return keys;
    }

    @Override
    public Map<String, Object> configJson(ModelConfig config) {
        DeltaNet d = config.delta().orElseThrow();
        return Map.of(
                "linear_conv_kernel_dim", d.kernel(),
                "linear_num_key_heads", d.keyHeads(),
                "linear_num_value_heads", d.valueHeads(),
                "linear_key_head_dim", d.keyDim(),
                "linear_value_head_dim", d.valueDim(),
                "layer_types",
                        IntStream.range(0, config.layers())
                                .mapToObj(l -> config.layer(l).delta() ? "linear_attention" : "full_attention")
                                .toList(),
                "partial_rotary_factor", (double) config.rotaryWidth() / config.headDim(),
                "attention_bias", config.attentionBias());
    }

    private static int interval(ModelConfig config) {
        int first = 0;
        while (first < config.layers() - 1 && config.layer(first).delta()) {
            first++;
        }
        return first + 1;
    }
}
