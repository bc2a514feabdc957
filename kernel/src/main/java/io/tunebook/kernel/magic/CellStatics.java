package io.tunebook.kernel.magic;

import io.tunebook.kernel.display.RendererRegistry;
import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Commands;
import io.tunebook.kernel.eval.Results;
import java.util.AbstractMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * The static methods that every cell has besides those of {@link io.tunebook.kernel.display.Display}, under the names
 * of IJava and JJava.
 */
public final class CellStatics {
    /** The cells so far by their numbers, of the session that asks. */
    public static final Map<Integer, String> In = view(Results::in);

    /** The results so far by the numbers of their cells, of the session that asks. */
    public static final Map<Integer, Object> Out = view(Results::out);

    private CellStatics() {}

    private static <T> Map<Integer, T> view(Function<Results, Map<Integer, T>> of) {
        return new AbstractMap<>() {
            @Override
            public Set<Entry<Integer, T>> entrySet() {
                return of.apply(session().results()).entrySet();
            }
        };
    }

    /** The session whose cell this thread works for. */
    private static CellEvaluator session() {
        CellContext cell = CellContext.current();
        CellEvaluator evaluator = cell == null ? null : cell.evaluator();
        if (evaluator == null) {
            throw new IllegalStateException("this thread works for no cell");
        }
        return evaluator;
    }

    private static Commands magics() {
        return session().commands();
    }

    /** So that cells need no import to say how a type looks. */
    public static final class Renderers {
        private Renderers() {}

        /** @see RendererRegistry#register */
        public static <T> void register(Class<T> type, Function<? super T, ?> shown) {
            RendererRegistry.register(type, shown);
        }
    }

    public static void printf(String format, Object... arguments) {
        System.out.printf(format, arguments);
    }

    /** The result before so many others, which {@code _} and its like stand for. */
    public static Object result(int back) {
        return session().results().last(back);
    }

    /**
     * Runs code as a cell, with magics.
     *
     * @return the value of its last expression, or null
     */
    public static Object eval(String code) throws CellException {
        return magics().execute(code, 0).map(CellEvaluator.Result::value).orElse(null);
    }

    /**
     * Runs {@code %name arguments}.
     *
     * @return its value, which may be null
     */
    @SuppressWarnings("unchecked") // who writes the magic's name knows what it gives
    public static <T> T lineMagic(String name, List<String> arguments) throws CellException {
        return (T) magics().call("%" + name, arguments, "");
    }

    /**
     * Runs {@code %%name arguments} with the lines below it.
     *
     * @return its value, which may be null
     */
    @SuppressWarnings("unchecked") // as above
    public static <T> T cellMagic(String name, List<String> arguments, String body) throws CellException {
        return (T) magics().call("%%" + name, arguments, body);
    }
}
