package io.tunebook.kernel.widgets;

import java.util.List;
import java.util.Map;

/** Widgets beside or below each other. */
public final class Box implements Widget {
    private final Model model;

    /** @param name of the model: {@code VBox} or {@code HBox} */
    Box(String name, List<Widget> children) {
        List<String> references =
                children.stream().map(c -> Model.reference(c.model())).toList();
        model = Model.control(name, "", Map.of("children", references));
    }

    @Override
    public Model model() {
        return model;
    }
}
