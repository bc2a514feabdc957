package io.tunebook.kernel.widgets;

import io.tunebook.kernel.widgets.Widget.Box;
import io.tunebook.kernel.widgets.Widget.Button;
import io.tunebook.kernel.widgets.Widget.Control;
import io.tunebook.kernel.widgets.Widget.Output;
import io.tunebook.kernel.widgets.Widget.Progress;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Makes widgets. */
public final class Widgets {
    private Widgets() {}

    /** A slider for a number; its steps are a hundredth of the way. */
    public static Control<Double> slider(String description, double min, double max, double value) {
        return number("FloatSlider", description, Map.of("min", min, "max", max, "step", (max - min) / 100), value);
    }

    /**
     * A slider that moves by powers of ten, for a learning rate for example.
     *
     * @param minExponent -5 for 1e-5
     */
    public static Control<Double> logSlider(String description, double minExponent, double maxExponent, double value) {
        return number(
                "FloatLogSlider",
                description,
                Map.of("min", minExponent, "max", maxExponent, "step", 0.05, "base", 10.0, "readout_format", ".1e"),
                value);
    }

    private static Control<Double> number(String name, String description, Map<String, Object> range, double value) {
        Map<String, Object> state = new java.util.LinkedHashMap<>(range);
        state.put("description", description);
        state.put("value", value);
        Model model = Model.control(name, "SliderStyleModel", state);
        return new Control<>(model, "value", v -> ((Number) v).doubleValue(), v -> v);
    }

    /** A slider for a whole number. */
    public static Control<Integer> slider(String description, int min, int max, int value) {
        Model model = Model.control(
                "IntSlider",
                "SliderStyleModel",
                Map.of("description", description, "min", min, "max", max, "value", value));
        return new Control<>(model, "value", v -> ((Number) v).intValue(), v -> v);
    }

    /** A line of text. */
    public static Control<String> text(String description, String value) {
        Model model = Model.control("Text", "TextStyleModel", Map.of("description", description, "value", value));
        return new Control<>(model, "value", String::valueOf, v -> v);
    }

    /** A box to tick. */
    public static Control<Boolean> checkbox(String description, boolean value) {
        Model model =
                Model.control("Checkbox", "CheckboxStyleModel", Map.of("description", description, "value", value));
        return new Control<>(model, "value", v -> (Boolean) v, v -> v);
    }

    /** A choice of one of these, shown as their texts; the first is chosen. */
    @SafeVarargs
    public static <T> Control<T> dropdown(String description, T... options) {
        if (options.length == 0) {
            throw new IllegalArgumentException("expected options to choose from, found none");
        }
        List<T> all = List.of(options);
        Model model = Model.control(
                "Dropdown",
                "DescriptionStyleModel",
                Map.of(
                        "description",
                        description,
                        "_options_labels",
                        all.stream().map(String::valueOf).toList(),
                        "index",
                        0));
        return new Control<>(model, "index", i -> all.get(((Number) i).intValue()), all::indexOf);
    }

    public static Button button(String description) {
        return new Button(description);
    }

    /** A bar from 0 to a maximum. */
    public static Progress progress(String description, double max) {
        return new Progress(description, max);
    }

    /** An area for what comes later. */
    public static Output output() {
        return new Output();
    }

    /** One below the other. */
    public static Box column(Widget... children) {
        return new Box("VBox", List.of(children));
    }

    /** One beside the other. */
    public static Box row(Widget... children) {
        return new Box("HBox", List.of(children));
    }

    /** A control and below it what a function makes of its value, again and again as the value changes. */
    public static <T> Box interact(Control<T> control, Function<? super T, ?> shown) {
        Output output = output();
        output.show(shown.apply(control.value()));
        control.onChange(value -> output.show(shown.apply(value)));
        return column(control, output);
    }
}
