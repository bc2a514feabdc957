package io.tunebook.kernel.display;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.function.Function;

/**
 * Finds the renderer of a value: the most specific type wins, those on the user's class path before the kernel's own.
 * Each session has one, which its class loader knows.
 */
public final class RendererRegistry {
    /** For programs that no kernel runs. */
    private static final RendererRegistry PROGRAMS = new RendererRegistry();

    /** What cells have registered, the latest first. */
    private final List<Renderer<?>> registered = new ArrayList<>();

    private Found found = new Found(null, List.of());

    /** A class loader of a session's cells. */
    public interface OfSession {
        RendererRegistry renderers();
    }

    private record Found(ClassLoader by, List<Renderer<?>> all) {}

    /** That of the session whose code this thread runs. */
    private static RendererRegistry current() {
        for (ClassLoader l = loader(); l != null; l = l.getParent()) {
            if (l instanceof OfSession session) {
                return session.renderers();
            }
        }
        return PROGRAMS;
    }

    private static ClassLoader loader() {
        return Thread.currentThread().getContextClassLoader();
    }

    /**
     * From now on values of a type are shown so, in this session. A later registration for the same type replaces the
     * former.
     *
     * @param type a class or an interface
     * @param shown from a value to a {@link MimeBundle}, such as {@code html("…")}, or to another value that is shown
     *     in its place
     */
    public static <T> void register(Class<T> type, Function<? super T, ?> shown) {
        Objects.requireNonNull(shown);
        current().add(new Renderer<T>() {
            @Override
            public Class<T> type() {
                return type;
            }

            @Override
            public MimeBundle render(T value) {
                Object instead = shown.apply(value);
                return instead instanceof MimeBundle bundle
                        ? bundle
                        : instead == value ? StandardRenderers.render(value) : RendererRegistry.render(instead);
            }
        });
    }

    private synchronized void add(Renderer<?> renderer) {
        registered.removeIf(r -> r.type() == renderer.type());
        registered.add(0, renderer);
    }

    /** For kernels: the class path has grown, look again. */
    public synchronized void reload() {
        found = new Found(null, List.of());
    }

    static MimeBundle render(Object value) {
        if (value instanceof MimeBundle bundle) {
            return withText(bundle, "");
        }
        if (value == null) {
            return MimeBundle.of(MimeBundle.TEXT, "null");
        }
        Renderer<?> best = null;
        for (Renderer<?> r : current().all(loader())) {
            if (r.type().isInstance(value) && (best == null || isMoreSpecific(r.type(), best.type()))) {
                best = r;
            }
        }
        MimeBundle bundle = best != null
                ? call(best, value)
                : LibraryRenderers.render(value).orElseGet(() -> StandardRenderers.render(value));
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

    private synchronized List<Renderer<?>> all(ClassLoader loader) {
        if (found.by() != loader || loader == null) {
            found = new Found(loader, find(loader));
        }
        List<Renderer<?>> all = new ArrayList<>(registered);
        all.addAll(found.all());
        return all;
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
                System.getLogger(RendererRegistry.class.getName())
                        .log(System.Logger.Level.WARNING, "a renderer was left out", e);
            }
        }
    }
}
