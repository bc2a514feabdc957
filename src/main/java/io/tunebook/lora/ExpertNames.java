package io.tunebook.lora;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.model.family.Experts;
import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The names under which PEFT saves factors of a parameter of all experts. It wraps the module that holds the parameters, once for each that is adapted and in the
 * module's order: {@code mlp.experts} has the factors of the last one, {@code mlp.experts.base_layer} those of the one before.
 *
 * @see <a href="https://github.com/huggingface/peft/blob/main/src/peft/tuners/lora/layer.py">PEFT: ParamWrapper</a>
 */
final class ExpertNames {
    private static final List<String> IN_ORDER = List.of("gate_up_proj", "down_proj");
    private static final String HOLDER = ".mlp.experts";
    private static final String INNER = ".base_layer";

    private ExpertNames() {}

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
     * The factors by the names of parameters, where PEFT's files have those of wrappers.
     *
     * @throws ModelFormatException if {@code target_parameters} does not say which parameter a wrapper is of
     */
    static Map<String, Factors> parameters(Path config, JsonNode json, Map<String, Factors> byName)
            throws ModelFormatException {
        List<String> targets = new ArrayList<>();
        for (JsonNode target : json.path("target_parameters")) {
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
        return found;
    }
}
