package io.tunebook.kernel.display;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.WeakHashMap;

/** Finds the renderer of a value: the most specific type wins, those on the user's class path before the kernel's own. */
public final class Renderers {
    private static final Map<ClassLoader, List<Renderer<?>>> FOUND = new WeakHashMap<>();

    private Renderers() {}

    /** For kernels: the class path has grown, look again. */
    public static void reload() {
        synchronized (FOUND) {
            FOUND.clear();
        }
    }

    static MimeBundle render(Object value) {
        if (value instanceof MimeBundle bundle) {
            return withText(bundle, "");
        }
        if (value == null) {
            return MimeBundle.of(MimeBundle.TEXT, "null");
        }
        Renderer<?> best = null;
        for (Renderer<?> r : all()) {
            if (r.type().isInstance(value) && (best == null || isMoreSpecific(r.type(), best.type()))) {
                best = r;
            }
        }
        MimeBundle bundle = best != null ? call(best, value) : StandardRenderers.render(value);
        return bundle.data().containsKey(MimeBundle.TEXT) ? bundle : withText(bundle, text(value));
    }

    /** A broken toString() must not take the cell's result away. */
    static String text(Object value) {
        try {
            return String.valueOf(value);
        } catch (RuntimeException | StackOverflowError e) {
            return value.getClass().getName() + " (its toString() threw " + e + ")";
        }
    }

    private static boolean isMoreSpecific(Class<?> a, Class<?> b) {
        return a != b && b.isAssignableFrom(a);
    }

    private static MimeBundle withText(MimeBundle bundle, String text) {
        return bundle.data().containsKey(MimeBundle.TEXT) ? bundle : bundle.with(MimeBundle.TEXT, text);
    }

    private static <T> MimeBundle call(Renderer<T> renderer, Object value) {
        return renderer.render(renderer.type().cast(value));
    }

    private static List<Renderer<?>> all() {
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        synchronized (FOUND) {
            return FOUND.computeIfAbsent(loader, Renderers::find);
        }
    }

    private static List<Renderer<?>> find(ClassLoader loader) {
        List<Renderer<?>> found = new ArrayList<>();
        var providers = ServiceLoader.load(Renderer.class, loader).iterator();
        while (true) {
            try {
                if (!providers.hasNext()) {
                    return List.copyOf(found);
                }
                found.add(providers.next());
            } catch (ServiceConfigurationError e) {
                System.getLogger(Renderers.class.getName())
                        .log(System.Logger.Level.WARNING, "a renderer was left out", e);
            }
        }
    }
}
