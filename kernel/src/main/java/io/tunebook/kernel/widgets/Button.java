package io.tunebook.kernel.widgets;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** A button. */
public final class Button implements Widget {
    private final Model model;
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();

    Button(String description) {
        model = Model.control("Button", "ButtonStyleModel", Map.of("description", description));
        model.onCustom(content -> {
            if ("click".equals(content.get("event"))) {
                listeners.forEach(Runnable::run);
            }
        });
    }

    @Override
    public Model model() {
        return model;
    }

    /** Is called at each click, between cells. */
    public Button onClick(Runnable listener) {
        listeners.add(listener);
        return this;
    }
}
