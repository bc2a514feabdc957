package io.tunebook.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.model.family.Experts;
import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names under which PEFT saves factors of a parameter of all experts. It wraps the module that holds the
 * parameters, once for each that is adapted and in the module's order: {@code mlp.experts} has the factors of the last
 * one, {@code mlp.experts.base_layer} those of the one before. Adapters from before Transformers 5 have each expert's
 * modules instead.
 *
 * @see <a href="https://github.com/huggingface/peft/blob/main/src/peft/tuners/lora/layer.py">PEFT: ParamWrapper</a>
 */
final class ExpertNames {
    private static final List<String> IN_ORDER = List.of("gate_up_proj", "down_proj");
    private static final String HOLDER = ".mlp.experts";
    private static final String INNER = ".base_layer";
    private static final String TARGETS = "target_parameters";
    /** What all tokens have is a module still, with a name that those of the experts do not cover. */
    private static final String SHARED = ".shared_expert.";

    private static final Pattern MODULE = Pattern.compile("(.*\\.mlp\\.experts)\\.(\\d{1,6})\\.(gate|up|down)_proj");

    private ExpertNames() {}

    /** What an adapter is where parameters of experts have names: the settings, and factors by module or parameter. */
    record Named(JsonNode json, Map<String, Factors> factors) {}

    /** What PEFT calls a module or parameter, given all that are adapted. */
    static String wrapper(String module, Set<String> adapted) {
        if (!Experts.parameter(module)) {
            return module;
        }
        String holder = module.substring(0, module.lastIndexOf('.'));
        boolean inner = module.endsWith(IN_ORDER.get(0)) && adapted.contains(holder + "." + IN_ORDER.get(1));
        return inner ? holder + INNER : holder;
    }

    /**
     * The factors by the names of parameters, where PEFT's files have those of wrappers or of each expert's modules.
     *
     * @throws ModelFormatException if {@code target_parameters} does not say which parameter a wrapper is of, or an
     *     expert has no counterpart of one of its modules
     */
    static Named parameters(Path config, JsonNode json, Map<String, Factors> byName) throws ModelFormatException {
        if (byName.keySet().stream().anyMatch(name -> MODULE.matcher(name).matches())) {
            return fused(config, json, byName);
        }
        List<String> targets = new ArrayList<>();
        for (JsonNode target : json.path(TARGETS)) {
            if (!Experts.parameter(target.asText())) {
                throw new ModelFormatException(
                        config,
                        "target_parameters: expected mlp.experts.gate_up_proj or mlp.experts.down_proj, found "
                                + target.asText() + ", which is not computed here");
            }
            targets.add(target.asText());
        }
        Map<String, Factors> found = new LinkedHashMap<>();
        for (var entry : byName.entrySet()) {
            String name = entry.getKey();
            String holder = name.endsWith(INNER) ? name.substring(0, name.length() - INNER.length()) : name;
            if (!holder.endsWith(HOLDER)) {
                found.put(name, entry.getValue());
                continue;
            }
            List<String> adapted = IN_ORDER.stream()
                    .filter(p -> targets.stream().anyMatch(t -> (holder + "." + p).endsWith(t)))
                    .toList();
            int place = name.equals(holder) ? adapted.size() - 1 : adapted.size() - 2;
            if (place < 0) {
                throw new ModelFormatException(
                        config,
                        "target_parameters: expected the parameter whose factors " + name + " has, found " + targets);
            }
            found.put(holder + "." + adapted.get(place), entry.getValue());
        }
        return new Named(json, found);
    }

    /** As PEFT makes parameters of modules: gate's and up's factors stand block by block in those of twice the rank. */
    private static Named fused(Path config, JsonNode json, Map<String, Factors> byName) throws ModelFormatException {
        Map<String, Factors> found = new LinkedHashMap<>();
        Map<String, Map<Integer, Factors>> parts = new LinkedHashMap<>(); // by what holds the experts, and the part
        for (var entry : byName.entrySet()) {
            Matcher module = MODULE.matcher(entry.getKey());
            if (!module.matches()) {
                found.put(entry.getKey(), entry.getValue());
            } else {
                parts.computeIfAbsent(module.group(1) + "." + module.group(3), p -> new TreeMap<>())
                        .put(Integer.valueOf(module.group(2)), entry.getValue());
            }
        }
        ObjectNode changed = json.deepCopy();
        List<String> parameters = new ArrayList<>();
        for (String key : parts.keySet()) {
            String holder = key.substring(0, key.lastIndexOf('.'));
            Map<Integer, Factors> these = parts.get(key);
            if (key.endsWith(".down")) {
                parameters.add("mlp.experts.down_proj");
                found.put(holder + ".down_proj", joined(config, key, List.of(these)));
            } else {
                Map<Integer, Factors> gate = parts.getOrDefault(holder + ".gate", Map.of());
                Map<Integer, Factors> up = parts.getOrDefault(holder + ".up", Map.of());
                if (!gate.keySet().equals(up.keySet())) {
                    throw new ModelFormatException(
                            config,
                            "the factors of " + holder + ": expected both gate_proj and up_proj of each expert");
                }
                parameters.add("mlp.experts.gate_up_proj");
                found.putIfAbsent(holder + ".gate_up_proj", joined(config, key, List.of(gate, up)));
            }
        }
        ArrayNode targets = changed.putArray(TARGETS);
        parameters.stream().distinct().forEach(targets::add);
        if (json.path("target_modules").isArray()) { // where it is a pattern, factors say what is adapted
            ArrayNode modules = changed.putArray("target_modules");
            found.keySet().stream()
                    .filter(key -> key.contains(SHARED))
                    .map(key -> key.substring(key.indexOf(SHARED) + 1))
                    .distinct()
                    .forEach(modules::add);
            json.path("target_modules").forEach(t -> {
                if (!t.asText().matches("(.*\\.)?(gate|up|down)_proj")) {
                    modules.add(t);
                }
            });
        }
        double more = json.path("use_rslora").asBoolean(false) ? Math.sqrt(2) : 2;
        String twice = ".*mlp\\.experts\\.gate_up_proj";
        changed.withObjectProperty("rank_pattern").put(twice, 2 * json.path("r").asInt());
        changed.withObjectProperty("alpha_pattern")
                .put(twice, more * json.path("lora_alpha").asDouble());
        return new Named(changed, found);
    }

    /**
     * Factors of all experts, in PEFT's form, of one module of each or of two whose outputs stand below one another.
     */
    private static Factors joined(Path config, String name, List<Map<Integer, Factors>> modules)
            throws ModelFormatException {
        Map<Integer, Factors> first = modules.get(0);
        int experts = first.keySet().stream().mapToInt(e -> e + 1).max().orElse(0);
        Factors like = first.values().iterator().next();
        int each = like.rank() * modules.size();
        int out = like.outFeatures() * modules.size();
        int rank = each * experts;
        float[] a = new float[rank * like.inFeatures()];
        float[] b = new float[out * rank];
        for (int m = 0; m < modules.size(); m++) {
            for (var entry : modules.get(m).entrySet()) {
                Factors f = entry.getValue();
                if (f.rank() != like.rank()
                        || f.inFeatures() != like.inFeatures()
                        || f.outFeatures() != like.outFeatures()
                        || f.magnitude().length > 0) {
                    throw new ModelFormatException(
                            config,
                            "the factors of " + name + ": expected alike for all experts and no DoRA, found " + like
                                    + " and " + f);
                }
                int expert = entry.getKey();
                System.arraycopy(
                        f.a(), 0, a, (expert * each + m * f.rank()) * f.inFeatures(), f.rank() * f.inFeatures());
                for (int i = 0; i < f.b().length; i++) {
                    int row = m * f.outFeatures() + i / f.rank();
                    int place = m * f.rank() + i % f.rank();
                    b[row * rank + place * experts + expert] = f.b()[i];
                }
            }
        }
        return new Factors(like.inFeatures(), out, rank, a, b, new float[0]);
    }
}
