package io.tunebook.kernel.debug;

import java.lang.invoke.CallSite;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.LocalVariablesSorter;

/** Makes the bytecode of cells ask the debugger: at each call, at each line and at each return. */
final class Instrument {
    static final Type FRAME = Type.getType(Frame.class);
    static final Handle ENTER = new Handle(
            Opcodes.H_INVOKESTATIC,
            Type.getInternalName(Hooks.class),
            "enter",
            MethodType.methodType(
                            CallSite.class,
                            MethodHandles.Lookup.class,
                            String.class,
                            MethodType.class,
                            String.class,
                            String.class)
                    .toMethodDescriptorString(),
            false);

    private Instrument() {}

    /**
     * A local variable's name and where it counts.
     *
     * @param from the number of the first label, in the order of the code
     * @param to the number of the label behind the last one
     */
    record Scope(String name, String signature, int index, int from, int to) {}

    static byte[] instrument(byte[] bytecode) {
        ClassReader reader = new ClassReader(bytecode);
        Map<String, List<Scope>> scopes = scopes(reader);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(
                new ClassVisitor(Opcodes.ASM9, writer) {
                    private String owner;
                    private String file = "";

                    @Override
                    public void visit(
                            int version, int access, String name, String signature, String parent, String[] is) {
                        owner = name;
                        super.visit(version, access, name, signature, parent, is);
                    }

                    @Override
                    public void visitSource(String source, String debug) {
                        file = source == null ? "" : source;
                        super.visitSource(source, debug);
                    }

                    @Override
                    public MethodVisitor visitMethod(
                            int access, String name, String descriptor, String signature, String[] exceptions) {
                        MethodVisitor out = super.visitMethod(access, name, descriptor, signature, exceptions);
                        boolean bridge = (access & Opcodes.ACC_BRIDGE) != 0;
                        if (bridge || (access & Opcodes.ACC_ABSTRACT) != 0) {
                            return out;
                        }
                        LocalVariablesSorter sorter =
                                new LocalVariablesSorter(Opcodes.ASM9, access, descriptor, out) {};
                        return new LineProbe(
                                new LineProbe.Method(owner, access, name, descriptor, file),
                                scopes.getOrDefault(name + descriptor, List.of()),
                                sorter,
                                out);
                    }
                },
                ClassReader.EXPAND_FRAMES);
        return writer.toByteArray();
    }

    /** The local variables of each method, which class files list behind its code. */
    private static Map<String, List<Scope>> scopes(ClassReader reader) {
        Map<String, List<Scope>> all = new HashMap<>();
        reader.accept(
                new ClassVisitor(Opcodes.ASM9) {
                    @Override
                    public MethodVisitor visitMethod(
                            int access, String name, String descriptor, String signature, String[] exceptions) {
                        List<Scope> found = new ArrayList<>();
                        all.put(name + descriptor, found);
                        Map<Label, Integer> labels = new IdentityHashMap<>();
                        return new MethodVisitor(Opcodes.ASM9) {
                            @Override
                            public void visitLabel(Label label) {
                                labels.put(label, labels.size());
                            }

                            @Override
                            public void visitLocalVariable(
                                    String name, String descriptor, String generic, Label from, Label to, int index) {
                                found.add(new Scope(
                                        name,
                                        generic == null ? descriptor : generic,
                                        index,
                                        labels.get(from),
                                        labels.get(to)));
                            }
                        };
                    }
                },
                ClassReader.EXPAND_FRAMES);
        return all;
    }
}
