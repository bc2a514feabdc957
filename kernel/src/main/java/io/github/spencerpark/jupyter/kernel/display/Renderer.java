package io.github.spencerpark.jupyter.kernel.display;

import io.github.spencerpark.jupyter.kernel.display.mime.MIMEType;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.RendererRegistry;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Registers how types look. */
public final class Renderer {
    /** Begins the registration of a type. */
    public <T> Registration<T> createRegistration(Class<T> type) {
        return new Registration<>(type);
    }

    /** What a value looks like. */
    public DisplayData render(Object value) {
        DisplayData data = new DisplayData();
        Display.render(value).data().forEach(data::putData);
        return data;
    }

    /** A registration that is not complete. */
    public static final class Registration<T> {
        private final List<Class<? extends T>> types = new ArrayList<>();
        private final Set<String> mimeTypes = new LinkedHashSet<>();

        private Registration(Class<T> type) {
            types.add(type);
        }

        /** Representations that are shown. */
        public Registration<T> preferring(MIMEType... preferred) {
            return supporting(preferred);
        }

        /** Representations that can be asked for. */
        public Registration<T> supporting(MIMEType... supported) {
            for (MIMEType type : supported) {
                mimeTypes.add(type.toString());
            }
            return this;
        }

        /** The same by their names. */
        public Registration<T> supporting(String... supported) {
            mimeTypes.addAll(List.of(supported));
            return this;
        }

        /** One more type that looks so. */
        public Registration<T> onType(Class<? extends T> type) {
            types.add(type);
            return this;
        }

        /** Ends the registration. */
        public void register(RenderFunction<? super T> function) {
            Set<String> wanted = Set.copyOf(mimeTypes);
            for (Class<? extends T> type : types) {
                RendererRegistry.register(type, value -> {
                    RenderContext context = new RenderContext(wanted);
                    function.render(value, context);
                    return context.getOutputContainer().bundle();
                });
            }
        }
    }
}
