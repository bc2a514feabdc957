package io.tunebook.kernel.eval;

import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The pool from which JShell takes its compilers, with a say in their options. A compiler keeps what it has read of the
 * class path, and is used again for the same options alone. The class is made at run time, since javac's packages are
 * not exported.
 */
final class CompilerPool {
    private static final String POOL = "com.sun.tools.javac.api.JavacTaskPool";
    private static final int KEPT = 5; // compilers, as JShell keeps
    private static final String STOP = "--should-stop=at=FLOW";
    private static final String PARAMETERS = "-parameters";

    private CompilerPool() {}

    /** Made when the first one is needed. */
    private static final class Made {
        static final Constructor<?> POOL = define();
    }

    /**
     * Makes a pool.
     *
     * @param options what becomes of the options of each compilation
     * @throws UnsupportedOperationException without the kernel's agent
     */
    static Object of(UnaryOperator<List<String>> options) {
        try {
            return Made.POOL.newInstance((UnaryOperator<Iterable<String>>) given -> {
                List<String> all = new ArrayList<>();
                given.forEach(all::add);
                return options.apply(all);
            });
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("javac is another than expected", e);
        }
    }

    /**
     * The options by which one compiler serves both JShell's analyses and its compilations. Each would have tables of
     * its own of the same classes. An analysis writes no class, so that {@code -parameters} makes no difference to it,
     * and a compilation that has an error needs no phase behind the flow analysis.
     */
    static List<String> shared(List<String> given) {
        if (!given.contains(STOP) && !given.contains(PARAMETERS)) {
            return given; // it only parses, by another parser
        }
        List<String> all = new ArrayList<>(given);
        all.removeAll(List.of(STOP, PARAMETERS));
        all.addAll(0, List.of(STOP, PARAMETERS));
        return all;
    }

    private static Constructor<?> define() {
        Instrumentation instrumentation = RedefinitionAgent.instrumentation()
                .orElseThrow(() -> new UnsupportedOperationException(
                        "javac's packages are opened by the kernel's agent, which this JVM did not take"));
        try {
            Class<?> pool = Class.forName(POOL, false, ClassLoader.getSystemClassLoader());
            instrumentation.redefineModule(
                    pool.getModule(),
                    Set.of(),
                    Map.of(pool.getPackageName(), Set.of(CompilerPool.class.getModule())),
                    Map.of(),
                    Set.of(),
                    Map.of());
            return MethodHandles.lookup()
                    .defineHiddenClass(bytecode(pool), true)
                    .lookupClass()
                    .getDeclaredConstructor(UnaryOperator.class);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("javac is another than expected", e);
        }
    }

    /** A subclass that changes the options, which are the fourth of the parameters of {@code getTask}. */
    private static byte[] bytecode(Class<?> pool) {
        Method task = Arrays.stream(pool.getMethods())
                .filter(m -> m.getName().equals("getTask"))
                .findFirst()
                .orElseThrow();
        String parent = Type.getInternalName(pool);
        String name = Type.getInternalName(CompilerPool.class) + "$Pool";
        String operator = Type.getDescriptor(UnaryOperator.class);
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        writer.visit(Opcodes.V17, Opcodes.ACC_PUBLIC, name, null, parent, null);
        writer.visitField(Opcodes.ACC_PRIVATE, "options", operator, null, null).visitEnd();
        MethodVisitor made = writer.visitMethod(Opcodes.ACC_PUBLIC, "<init>", "(" + operator + ")V", null, null);
        made.visitCode();
        made.visitVarInsn(Opcodes.ALOAD, 0);
        made.visitIntInsn(Opcodes.BIPUSH, KEPT);
        made.visitMethodInsn(Opcodes.INVOKESPECIAL, parent, "<init>", "(I)V", false);
        made.visitVarInsn(Opcodes.ALOAD, 0);
        made.visitVarInsn(Opcodes.ALOAD, 1);
        made.visitFieldInsn(Opcodes.PUTFIELD, name, "options", operator);
        made.visitInsn(Opcodes.RETURN);
        made.visitMaxs(0, 0);
        made.visitEnd();
        String descriptor = Type.getMethodDescriptor(task);
        MethodVisitor called = writer.visitMethod(Opcodes.ACC_PUBLIC, "getTask", descriptor, null, null);
        called.visitCode();
        for (int i = 0; i <= task.getParameterCount(); i++) {
            if (i == 4) {
                called.visitVarInsn(Opcodes.ALOAD, 0);
                called.visitFieldInsn(Opcodes.GETFIELD, name, "options", operator);
                called.visitVarInsn(Opcodes.ALOAD, i);
                called.visitMethodInsn(
                        Opcodes.INVOKEINTERFACE,
                        "java/util/function/Function",
                        "apply",
                        "(Ljava/lang/Object;)Ljava/lang/Object;",
                        true);
                called.visitTypeInsn(Opcodes.CHECKCAST, "java/lang/Iterable");
            } else {
                called.visitVarInsn(Opcodes.ALOAD, i);
            }
        }
        called.visitMethodInsn(Opcodes.INVOKESPECIAL, parent, "getTask", descriptor, false);
        called.visitInsn(Opcodes.ARETURN);
        called.visitMaxs(0, 0);
        called.visitEnd();
        writer.visitEnd();
        return writer.toByteArray();
    }
}
