package io.tunebook.kernel.widgets;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A widget with a value that a person sets: a slider, a text, a choice.
 *
 * @param <T> of the value
 */
public final class Control<T> implements Widget {
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
