package io.tunebook.kernel.debug;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Values and what is in them, each by a number that the frontend asks for. No code of the user's runs for it, so that
 * looking changes nothing and never waits for a thread that has stopped.
 */
final class VariableTree {
    private static final int MOST = 200;
    private static final int LONGEST = 400;

    private final Map<Integer, Supplier<List<Item>>> children = new ConcurrentHashMap<>();
    private final AtomicInteger numbers = new AtomicInteger();

    /**
     * A variable, an element or a field.
     *
     * @param type may be empty
     * @param reference the number by which its own children are asked for; 0 if it has none
     */
    record Item(String name, String value, String type, int reference) {}

    /** Forgets all: the numbers count until the thread goes on. */
    void clear() {
        children.clear();
    }

    /** A number for what is made when it is asked for. */
    int reference(Supplier<List<Item>> items) {
        int number = numbers.incrementAndGet();
        children.put(number, items);
        return number;
    }

    /** What is behind a number; empty if it counts no more. */
    List<Item> children(int reference) {
        return children.getOrDefault(reference, List::of).get();
    }

    /** @param type as declared, or empty for that of the value */
    Item item(String name, String type, Object value) {
        String shown = type.isEmpty() ? value == null ? "null" : SourceType.brief(value.getClass()) : type;
        return new Item(name, text(value), shown, hasChildren(value) ? reference(() -> parts(value)) : 0);
    }

    private static boolean isPlain(Object value) {
        return value == null
                || value instanceof Number n
                        && (n.getClass().getName().startsWith("java.lang.")
                                || n instanceof BigInteger
                                || n instanceof BigDecimal)
                || value instanceof CharSequence && value.getClass().getName().startsWith("java.lang.")
                || value instanceof Character
                || value instanceof Boolean
                || value instanceof Class<?>
                || value instanceof UUID
                || value instanceof Path
                || value.getClass().getName().startsWith("java.time.");
    }

    private static boolean hasChildren(Object value) {
        return !isPlain(value) && !(value instanceof Enum<?>);
    }

    /** A value in one line. */
    static String text(Object value) {
        if (value instanceof CharSequence s && isPlain(s)) {
            String all = s.length() > LONGEST ? s.subSequence(0, LONGEST) + "…" : s.toString();
            return '"' + all.replace("\\", "\\\\").replace("\n", "\\n").replace("\"", "\\\"") + '"';
        } else if (value instanceof Character c) {
            return "'" + c + "'";
        } else if (isPlain(value)) {
            String all = String.valueOf(value);
            return all.length() > LONGEST ? all.substring(0, LONGEST) + "…" : all;
        } else if (value instanceof Enum<?> e) {
            return e.name();
        }
        String type = SourceType.brief(value.getClass());
        if (value.getClass().isArray()) {
            return SourceType.brief(value.getClass().getComponentType()) + "[" + Array.getLength(value) + "]";
        } else if (isLibrary(value) && value instanceof Collection<?> c) {
            return type + ", size " + c.size();
        } else if (isLibrary(value) && value instanceof Map<?, ?> m) {
            return type + ", size " + m.size();
        } else if (value instanceof Optional<?> o) {
            return o.map(v -> "Optional of " + text(v)).orElse("Optional, empty");
        }
        return type + "@" + Integer.toHexString(System.identityHashCode(value));
    }

    /** Whether its methods are the JDK's own. */
    private static boolean isLibrary(Object value) {
        return value.getClass().getName().startsWith("java.util.");
    }

    private List<Item> parts(Object value) {
        List<Item> all = new ArrayList<>();
        try {
            if (value.getClass().isArray()) {
                int length = Array.getLength(value);
                for (int i = 0; i < Math.min(length, MOST); i++) {
                    all.add(item("[" + i + "]", "", Array.get(value, i)));
                }
                more(all, length);
            } else if (isLibrary(value) && value instanceof Collection<?> c) {
                for (Object element : c) {
                    if (all.size() == MOST) {
                        break;
                    }
                    all.add(item("[" + all.size() + "]", "", element));
                }
                more(all, c.size());
            } else if (isLibrary(value) && value instanceof Map<?, ?> m) {
                for (Map.Entry<?, ?> e : m.entrySet()) {
                    if (all.size() == MOST) {
                        break;
                    }
                    all.add(item(text(e.getKey()), "", e.getValue()));
                }
                more(all, m.size());
            } else {
                fields(value, all);
            }
        } catch (RuntimeException e) {
            all.add(new Item("…", "it changes while it is read: " + e, "", 0));
        }
        return all;
    }

    private static void more(List<Item> all, int size) {
        if (size > MOST) {
            all.add(new Item("…", (size - MOST) + " more", "", 0));
        }
    }

    private void fields(Object value, List<Item> all) {
        for (Class<?> c = value.getClass(); c != null && c != Object.class; c = c.getSuperclass()) {
            for (Field f : c.getDeclaredFields()) {
                if (!Modifier.isStatic(f.getModifiers()) && !f.isSynthetic() && f.trySetAccessible()) {
                    try {
                        all.add(item(f.getName(), SourceType.brief(f.getType()), f.get(value)));
                    } catch (IllegalAccessException e) {
                        throw new IllegalStateException(e); // trySetAccessible said that it is
                    }
                }
            }
        }
    }
}
