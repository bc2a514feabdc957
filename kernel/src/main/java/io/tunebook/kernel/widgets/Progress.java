package io.tunebook.kernel.widgets;

import java.util.Map;

/** A bar that a cell fills. */
public final class Progress implements Widget {
    private final Model model;

    Progress(String description, double max) {
        model = Model.control(
                "FloatProgress",
                "ProgressStyleModel",
                // The view is that of all bars; there is no FloatProgressView.
                Map.of("_view_name", "ProgressView", "description", description, "min", 0.0, "max", max, "value", 0.0));
    }

    @Override
    public Model model() {
        return model;
    }

    public double value() {
        return ((Number) model.get("value")).doubleValue();
    }

    /** Fills it up to here. */
    public void value(double value) {
        model.set("value", value);
    }
}
