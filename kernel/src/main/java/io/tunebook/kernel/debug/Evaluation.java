package io.tunebook.kernel.debug;

import io.tunebook.kernel.eval.CellException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Java that runs in a frame: with its local variables, and the fields of its {@code this}, under their names. They are
 * copies; what is assigned to them is lost, what is done to the objects stays.
 */
final class Evaluation {
    private static final Pattern THIS = Pattern.compile("\\bthis\\b");
    private static final String SELF = "this$";

    private final DebugTarget target;

    Evaluation(DebugTarget target) {
        this.target = target;
    }

    /**
     * Runs an expression or statements on the calling thread.
     *
     * @param frame or null for the variables of cells alone
     * @return the expression's value
     */
    Object evaluate(String code, Frame frame) throws CellException {
        String text = code.strip().replaceFirst(";$", "");
        if (frame == null) {
            return target.evaluate(text);
        }
        List<Object> values = new ArrayList<>();
        String declarations = declarations(frame, text, values);
        String own = frame.locals().stream().anyMatch(l -> l.name().equals("this"))
                ? THIS.matcher(text).replaceAll("this\\$")
                : text;
        FrameValues.set(values.toArray());
        try {
            return target.evaluate(call(declarations, "return (" + own + ");"));
        } catch (CellException e) {
            if (!e.name().equals("CompilationError")) {
                throw e;
            }
            try {
                return target.evaluate(call(declarations, own + "; return null;"));
            } catch (CellException statements) {
                throw code.contains(";") ? statements : e;
            }
        } finally {
            FrameValues.set(null);
        }
    }

    /** Declares a variable for all cells with the value of one of a frame's. */
    void copy(String name, Frame.Local local) throws CellException {
        FrameValues.set(new Object[] {local.value()});
        try {
            target.evaluate(declaration(SourceType.of(local.signature()), name, 0));
        } finally {
            FrameValues.set(null);
        }
    }

    private static String call(String declarations, String body) {
        return "((java.util.concurrent.Callable<Object>) () -> { " + declarations + body + " }).call()";
    }

    private static String declarations(Frame frame, String code, List<Object> values) {
        StringBuilder all = new StringBuilder();
        Set<String> names = new HashSet<>();
        Object self = null;
        for (Frame.Local local : frame.locals()) {
            boolean isThis = local.name().equals("this");
            self = isThis ? local.value() : self;
            String name = isThis ? SELF : local.name();
            if (names.add(local.name()) && mentions(code, local.name())) {
                all.append(declaration(SourceType.of(local.signature()), name, values.size()));
                values.add(local.value());
            }
        }
        for (Class<?> c = self == null ? null : self.getClass();
                c != null && c != Object.class;
                c = c.getSuperclass()) {
            for (Field f : c.getDeclaredFields()) {
                if (!Modifier.isStatic(f.getModifiers())
                        && mentions(code, f.getName())
                        && names.add(f.getName())
                        && f.trySetAccessible()) {
                    try {
                        values.add(f.get(self));
                    } catch (IllegalAccessException e) {
                        throw new IllegalStateException(e); // trySetAccessible said that it is
                    }
                    String type = SourceType.source(f.getGenericType().getTypeName());
                    all.append(declaration(
                            f.getGenericType() instanceof Class<?>
                                    ? SourceType.of(f.getType().descriptorString())
                                    : type,
                            f.getName(),
                            values.size() - 1));
                }
            }
        }
        return all.toString();
    }

    private static boolean mentions(String code, String name) {
        return Pattern.compile("(?<![\\w$])" + Pattern.quote(name) + "(?![\\w$])")
                .matcher(code)
                .find();
    }

    private static String declaration(String type, String name, int i) {
        return type + " " + name + " = (" + type + ") io.tunebook.kernel.debug.FrameValues.get(" + i + "); ";
    }
}
