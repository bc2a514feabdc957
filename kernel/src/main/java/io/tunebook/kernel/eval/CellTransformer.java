package io.tunebook.kernel.eval;

import java.lang.invoke.CallSite;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.HashSet;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Makes a cell's bytecode interruptible: it polls at method entries and before backward branches, and
 * {@code System.exit} is an error of the cell.
 */
final class CellTransformer {
    private static final String INTERRUPTS = Type.getInternalName(Interrupts.class);

    private static final Handle POLL = link(Interrupts.class);
    private static final Handle GETENV = link(Environment.class);

    private static Handle link(Class<?> in) {
        String type = MethodType.methodType(CallSite.class, MethodHandles.Lookup.class, String.class, MethodType.class)
                .toMethodDescriptorString();
        return new Handle(Opcodes.H_INVOKESTATIC, Type.getInternalName(in), "link", type, false);
    }

    private CellTransformer() {}

    /** @param lines where the class was typed, or null to leave its lines as they are */
    static byte[] transform(byte[] bytecode, CellLines.Lines lines) {
        ClassReader reader = new ClassReader(bytecode);
        // A call without operands changes neither the stack's height nor the frames, so both are kept as javac wrote
        // them.
        ClassWriter writer = new ClassWriter(reader, 0);
        reader.accept(
                new ClassVisitor(Opcodes.ASM9, writer) {
                    @Override
                    public void visit(
                            int version,
                            int access,
                            String name,
                            String signature,
                            String parent,
                            String[] interfaces) {
                        super.visit(version, open(access), name, signature, parent, interfaces);
                    }

                    @Override
                    public void visitSource(String file, String debug) {
                        super.visitSource(lines == null ? file : lines.file(), debug);
                    }

                    @Override
                    public FieldVisitor visitField(
                            int access, String name, String descriptor, String signature, Object value) {
                        return super.visitField(open(access), name, descriptor, signature, value);
                    }

                    @Override
                    public MethodVisitor visitMethod(
                            int access, String name, String descriptor, String signature, String[] exceptions) {
                        return new Polling(
                                super.visitMethod(open(access), name, descriptor, signature, exceptions), lines);
                    }
                },
                0);
        return writer.toByteArray();
    }

    /**
     * Statements have loaders of their own, and what is open to its package would be closed to them; the compiler has
     * checked the access already.
     */
    private static int open(int access) {
        return (access & Opcodes.ACC_PRIVATE) != 0 ? access : access & ~Opcodes.ACC_PROTECTED | Opcodes.ACC_PUBLIC;
    }

    /**
     * Whether a class holds one statement or expression and nothing that could be called once it has run: no method, no
     * variable but JShell's own {@code $1}, no lambda.
     */
    static boolean isStatement(byte[] bytecode) {
        boolean[] runs = {false};
        boolean[] more = {false};
        new ClassReader(bytecode)
                .accept(
                        new ClassVisitor(Opcodes.ASM9) {
                            @Override
                            public MethodVisitor visitMethod(
                                    int access, String name, String descriptor, String signature, String[] exceptions) {
                                runs[0] |= name.equals("do_it$");
                                more[0] |= !name.equals("do_it$") && !name.equals("<init>") && !name.equals("<clinit>");
                                return null;
                            }

                            @Override
                            public FieldVisitor visitField(
                                    int access, String name, String descriptor, String signature, Object value) {
                                more[0] |= !name.matches("\\$\\d+|\\$assertionsDisabled");
                                return null;
                            }
                        },
                        ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
        return runs[0] && !more[0];
    }

    private static final class Polling extends MethodVisitor {
        private final Set<Label> behind = new HashSet<>();

        private final CellLines.Lines lines;

        Polling(MethodVisitor next, CellLines.Lines lines) {
            super(Opcodes.ASM9, next);
            this.lines = lines;
        }

        @Override
        public void visitLineNumber(int line, Label start) {
            super.visitLineNumber(lines == null ? line : lines.line().applyAsInt(line), start);
        }

        @Override
        public void visitCode() {
            super.visitCode();
            poll();
        }

        @Override
        public void visitLabel(Label label) {
            behind.add(label);
            super.visitLabel(label);
        }

        @Override
        public void visitJumpInsn(int opcode, Label label) {
            if (behind.contains(label)) {
                poll();
            }
            super.visitJumpInsn(opcode, label);
        }

        @Override
        public void visitTableSwitchInsn(int min, int max, Label otherwise, Label... labels) {
            poll();
            super.visitTableSwitchInsn(min, max, otherwise, labels);
        }

        @Override
        public void visitLookupSwitchInsn(Label otherwise, int[] keys, Label[] labels) {
            poll();
            super.visitLookupSwitchInsn(otherwise, keys, labels);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
            if (owner.equals("java/lang/System") && name.equals("exit")) {
                super.visitMethodInsn(opcode, INTERRUPTS, "exit", descriptor, false);
            } else if (owner.equals("java/lang/System") && name.equals("getenv")) {
                super.visitInvokeDynamicInsn(name, descriptor, GETENV);
            } else if (owner.equals("java/lang/Runtime") && name.equals("exit")) {
                super.visitMethodInsn(Opcodes.INVOKESTATIC, INTERRUPTS, "exit", "(Ljava/lang/Runtime;I)V", false);
            } else {
                super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
            }
        }

        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            Object[] safe = arguments.clone();
            for (int i = 0; i < safe.length; i++) {
                if (safe[i] instanceof Handle h
                        && h.getOwner().equals("java/lang/System")
                        && h.getName().equals("exit")) {
                    safe[i] = new Handle(Opcodes.H_INVOKESTATIC, INTERRUPTS, "exit", "(I)V", false); // System::exit
                }
            }
            super.visitInvokeDynamicInsn(name, descriptor, bootstrap, safe);
        }

        private void poll() {
            super.visitInvokeDynamicInsn("poll", "()V", POLL);
        }
    }
}
