package io.tunebook.kernel.widgets;

import io.tunebook.kernel.display.Comms;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The state of a widget, which the frontend has a copy of. Changes go to it at once; what a person changes comes back.
 *
 * @see <a href="https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md">Jupyter widgets,
 *     messages</a>
 */
public final class Model {
    static final String TARGET = "jupyter.widget";
    private static final Map<String, Object> METADATA = Map.of("version", "2.1.0");
    private static final String CONTROLS = "@jupyter-widgets/controls";
    private static final String BASE = "@jupyter-widgets/base";

    private final Map<String, Object> state;
    private final Comms.Comm comm;
    private volatile Consumer<Map<?, ?>> updated = changes -> {};
    private volatile Consumer<Map<?, ?>> custom = content -> {};

    private Model(Map<String, Object> state) {
        this.state = new LinkedHashMap<>(state);
        comm = Comms.open(TARGET, data(Map.of(), this.state), METADATA);
        comm.onMessage(this::receive);
    }

    /**
     * A model of {@code @jupyter-widgets/controls} 2.0.0, with a layout of its own.
     *
     * @param name of its model without the ending, such as {@code FloatSlider}
     * @param style the name of its style's model, or empty for none
     */
    static Model control(String name, String style, Map<String, Object> state) {
        Map<String, Object> all =
                new LinkedHashMap<>(names(CONTROLS, "2.0.0", name + "Model", CONTROLS, "2.0.0", name + "View"));
        all.put("layout", reference(new Model(names(BASE, "2.0.0", "LayoutModel", BASE, "2.0.0", "LayoutView"))));
        if (!style.isEmpty()) {
            all.put("style", reference(new Model(names(CONTROLS, "2.0.0", style, BASE, "2.0.0", "StyleView"))));
        }
        all.putAll(state);
        return new Model(all);
    }

    /** The model of an area that shows outputs. */
    static Model output() {
        String module = "@jupyter-widgets/output";
        Map<String, Object> all =
                new LinkedHashMap<>(names(module, "1.0.0", "OutputModel", module, "1.0.0", "OutputView"));
        all.put("layout", reference(new Model(names(BASE, "2.0.0", "LayoutModel", BASE, "2.0.0", "LayoutView"))));
        all.put("outputs", java.util.List.of());
        return new Model(all);
    }

    private static Map<String, Object> names(
            String module, String version, String model, String viewModule, String viewVersion, String view) {
        return Map.of(
                "_model_module", module,
                "_model_module_version", version,
                "_model_name", model,
                "_view_module", viewModule,
                "_view_module_version", viewVersion,
                "_view_name", view);
    }

    /** As the state of another model names it. */
    static String reference(Model model) {
        return "IPY_MODEL_" + model.id();
    }

    private static Map<String, Object> data(Map<String, Object> more, Map<String, Object> state) {
        Map<String, Object> data = new LinkedHashMap<>(more);
        data.put("state", state);
        data.put("buffer_paths", java.util.List.of());
        return data;
    }

    /** The number that a frontend knows it by. */
    public String id() {
        return comm.id();
    }

    synchronized Object get(String name) {
        return state.get(name);
    }

    /** Changes the state, here and in the frontend. */
    void set(String name, Object value) {
        synchronized (this) {
            state.put(name, value);
        }
        comm.send(data(Map.of("method", "update"), Map.of(name, value)));
    }

    /** Hears what a person has changed. */
    void onUpdate(Consumer<Map<?, ?>> listener) {
        updated = listener;
    }

    /** Hears what is no change of the state, such as a click. */
    void onCustom(Consumer<Map<?, ?>> listener) {
        custom = listener;
    }

    private void receive(Map<String, Object> data) {
        String method = String.valueOf(data.get("method"));
        if (method.equals("update") && data.get("state") instanceof Map<?, ?> changes) {
            synchronized (this) {
                changes.forEach((name, value) -> state.put(String.valueOf(name), value));
            }
            updated.accept(changes);
        } else if (method.equals("request_state")) {
            synchronized (this) {
                comm.send(data(Map.of("method", "update"), new LinkedHashMap<>(state)));
            }
        } else if (method.equals("custom") && data.get("content") instanceof Map<?, ?> content) {
            custom.accept(content);
        }
    }
}
