package io.tunebook.kernel.widgets;

import io.tunebook.kernel.display.Display;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An area whose content can be replaced at any time. */
public final class Output implements Widget {
    private final Model model = Model.output();

    Output() {}

    @Override
    public Model model() {
        return model;
    }

    /** Shows a value, by the renderer of its type, in place of what was shown. */
    public void show(Object value) {
        Map<String, Object> output = new LinkedHashMap<>();
        output.put("output_type", "display_data");
        output.put("data", Display.render(value).data());
        output.put("metadata", Map.of());
        model.set("outputs", List.of(output));
    }

    /** Shows nothing. */
    public void clear() {
        model.set("outputs", List.of());
    }
}
