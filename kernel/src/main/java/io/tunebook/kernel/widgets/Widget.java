package io.tunebook.kernel.widgets;

import io.tunebook.kernel.display.Display;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Something that a frontend shows and keeps in step with the cell's side. A cell shows it as its result or by
 * {@code display}.
 */
public sealed interface Widget {
    /** The model behind it. */
    Model model();

    /**
     * A widget with a value that a person sets: a slider, a text, a choice.
     *
     * @param <T> of the value
     */
    final class Control<T> implements Widget {
        private final Model model;
        private final String name;
        private final Function<Object, T> read;
        private final Function<T, Object> write;
        private final List<Consumer<? super T>> listeners = new CopyOnWriteArrayList<>();

        /**
         * @param name of the value in the model's state
         * @param read makes a value of what the state holds
         * @param write the inverse
         */
        Control(Model model, String name, Function<Object, T> read, Function<T, Object> write) {
            this.model = model;
            this.name = name;
            this.read = read;
            this.write = write;
            model.onUpdate(changes -> {
                if (changes.containsKey(name)) {
                    tell();
                }
            });
        }

        @Override
        public Model model() {
            return model;
        }

        /** What is set now. */
        public T value() {
            return read.apply(model.get(name));
        }

        /** Sets it, and tells those who listen. */
        public void value(T value) {
            model.set(name, write.apply(value));
            tell();
        }

        /** Is called with each new value, between cells; what it prints goes to the frontend's log. */
        public Control<T> onChange(Consumer<? super T> listener) {
            listeners.add(listener);
            return this;
        }

        private void tell() {
            T now = value();
            listeners.forEach(l -> l.accept(now));
        }
    }

    /** A button. */
    final class Button implements Widget {
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

    /** Widgets beside or below each other. */
    final class Box implements Widget {
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

    /** A bar that a cell fills. */
    final class Progress implements Widget {
        private final Model model;

        Progress(String description, double max) {
            model = Model.control(
                    "FloatProgress",
                    "ProgressStyleModel",
                    // The view is that of all bars; there is no FloatProgressView.
                    Map.of(
                            "_view_name",
                            "ProgressView",
                            "description",
                            description,
                            "min",
                            0.0,
                            "max",
                            max,
                            "value",
                            0.0));
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

    /** An area whose content can be replaced at any time. */
    final class Output implements Widget {
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
}
