package io.tunebook.kernel.eval;

import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The pool from which JShell takes its compilers, with annotation processing. JShell switches that off in each of its calls, and no option behind it switches it
 * on again, so this pool takes the option out. Its class is made at run time, since javac's packages are not exported.
 */
final class ProcessingCompiler {
    private static final String POOL = "com.sun.tools.javac.api.JavacTaskPool";
    private static final String NONE = "-proc:none";
    private static final int KEPT = 5; // compilers, as JShell keeps
    /** Since then a processor runs only where it is asked for; the option exists a little longer. */
    private static final int FULL = 21;

    private ProcessingCompiler() {}

    /** The options of javac that let the processors of a class path run. */
    static List<String> options(String processorPath) {
        List<String> options = new ArrayList<>(List.of("-processorpath", processorPath));
        if (Runtime.version().feature() >= FULL) {
            options.add("-proc:full");
        }
        return options;
    }

    /**
     * Makes a pool.
     *
     * @param options what becomes of the options of each compilation
     */
    static Object pool(UnaryOperator<List<String>> options) {
        Instrumentation instrumentation = RedefinitionAgent.instrumentation()
                .orElseThrow(() -> new UnsupportedOperationException(
                        "annotation processors need the kernel's agent, which this JVM did not take"));
        try {
            Class<?> pool = Class.forName(POOL, false, ClassLoader.getSystemClassLoader());
            instrumentation.redefineModule(
                    pool.getModule(),
                    Set.of(),
                    Map.of(pool.getPackageName(), Set.of(ProcessingCompiler.class.getModule())),
                    Map.of(),
                    Set.of(),
                    Map.of());
            AtomicInteger tasks = new AtomicInteger();
            return MethodHandles.lookup()
                    .defineHiddenClass(bytecode(pool), true)
                    .lookupClass()
                    .getDeclaredConstructor(UnaryOperator.class)
                    .newInstance(
                            (UnaryOperator<Iterable<String>>) given -> fresh(options.apply(without(given)), tasks));
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("javac is another than expected", e);
        }
    }

    /** A compiler that has run processors cannot run them again, and one is used again for the same options. */
    private static List<String> fresh(List<String> options, AtomicInteger tasks) {
        List<String> all = new ArrayList<>(options);
        all.add("-XDtunebook.task=" + tasks.incrementAndGet());
        return all;
    }

    private static List<String> without(Iterable<String> given) {
        List<String> kept = new ArrayList<>();
        given.forEach(option -> {
            if (!option.equals(NONE)) {
                kept.add(option);
            }
        });
        return kept;
    }

    /** A subclass that changes the options, which are the fourth of the parameters of {@code getTask}. */
    private static byte[] bytecode(Class<?> pool) {
        Method task = Arrays.stream(pool.getMethods())
                .filter(m -> m.getName().equals("getTask"))
                .findFirst()
                .orElseThrow();
        String parent = Type.getInternalName(pool);
        String name = Type.getInternalName(ProcessingCompiler.class) + "$Pool";
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
