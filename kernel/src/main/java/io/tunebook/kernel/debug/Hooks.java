package io.tunebook.kernel.debug;

import java.lang.invoke.CallSite;
import java.lang.invoke.ConstantCallSite;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.WeakReference;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;

/** Where the bytecode of cells meets the debugger of its session, which it knows by its class loader. */
public final class Hooks {
    /** Static, since bytecode is linked by a static method. It keeps neither a session nor its debugger alive. */
    private static final Map<ClassLoader, WeakReference<Debugger>> DEBUGGERS =
            Collections.synchronizedMap(new WeakHashMap<>());

    private static final MethodHandle ENTER;

    static {
        try {
            ENTER = MethodHandles.lookup()
                    .findVirtual(
                            Debugger.class, "enter", MethodType.methodType(Frame.class, String.class, String.class));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private Hooks() {}

    static void connect(ClassLoader cells, Debugger debugger) {
        DEBUGGERS.put(cells, new WeakReference<>(debugger));
    }

    /** Links the entry of a method. */
    public static CallSite enter(
            MethodHandles.Lookup caller, String name, MethodType type, String method, String file) {
        Debugger debugger = null;
        for (ClassLoader l = caller.lookupClass().getClassLoader(); l != null && debugger == null; l = l.getParent()) {
            WeakReference<Debugger> known = DEBUGGERS.get(l);
            debugger = known == null ? null : known.get();
        }
        return new ConstantCallSite(MethodHandles.insertArguments(ENTER, 0, debugger, method, file));
    }
}
