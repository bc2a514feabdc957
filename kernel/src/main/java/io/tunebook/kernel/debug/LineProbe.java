package io.tunebook.kernel.debug;

import java.util.ArrayList;
import java.util.List;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.AnalyzerAdapter;
import org.objectweb.asm.commons.LocalVariablesSorter;

/**
 * Puts the questions into one method. A line's question stands before its first instruction, where nothing is on the
 * operand stack; lines that begin within an expression have none.
 */
final class LineProbe extends AnalyzerAdapter {
    /** @param file where it was typed */
    record Method(String owner, int access, String name, String descriptor, String file) {}

    private final Method method;
    private final List<Instrument.Scope> scopes;
    private final LocalVariablesSorter sorter;
    private final MethodVisitor out;
    private int frame;
    private int labels;
    private int pending;

    /**
     * @param sorter makes room for the frame's variable
     * @param out what the sorter writes to: what uses that variable goes there directly
     */
    LineProbe(Method method, List<Instrument.Scope> scopes, LocalVariablesSorter sorter, MethodVisitor out) {
        super(Opcodes.ASM9, method.owner(), method.access(), method.name(), method.descriptor(), sorter);
        this.method = method;
        this.scopes = scopes;
        this.sorter = sorter;
        this.out = out;
    }

    @Override
    public void visitCode() {
        super.visitCode();
        frame = sorter.newLocal(Instrument.FRAME);
        String described = Type.getMethodDescriptor(Instrument.FRAME);
        out.visitInvokeDynamicInsn(
                "enter", described, Instrument.ENTER, method.owner() + "." + method.name(), method.file());
        out.visitVarInsn(Opcodes.ASTORE, frame);
    }

    @Override
    public void visitLabel(Label label) {
        labels++;
        super.visitLabel(label);
    }

    @Override
    public void visitLineNumber(int line, Label start) {
        super.visitLineNumber(line, start);
        pending = line;
    }

    /** An instruction follows. */
    private void begin() {
        int line = pending;
        pending = 0;
        if (line == 0 || locals == null || !stack.isEmpty()) {
            return;
        }
        Label goOn = new Label();
        String type = Instrument.FRAME.getInternalName();
        out.visitVarInsn(Opcodes.ALOAD, frame);
        out.visitLdcInsn(line);
        out.visitMethodInsn(Opcodes.INVOKEVIRTUAL, type, "at", "(I)Z", false);
        out.visitJumpInsn(Opcodes.IFEQ, goOn);
        List<Instrument.Scope> seen = scopes.stream().filter(this::counts).toList();
        out.visitVarInsn(Opcodes.ALOAD, frame);
        StringBuilder described = new StringBuilder();
        seen.forEach(s -> described.append(s.name() + "\n" + s.signature() + "\n"));
        out.visitLdcInsn(described.toString());
        out.visitLdcInsn(seen.size());
        out.visitTypeInsn(Opcodes.ANEWARRAY, "java/lang/Object");
        for (int i = 0; i < seen.size(); i++) {
            Object held = locals.get(seen.get(i).index());
            out.visitInsn(Opcodes.DUP);
            out.visitLdcInsn(i);
            load(held, seen.get(i));
            out.visitInsn(Opcodes.AASTORE);
        }
        out.visitMethodInsn(Opcodes.INVOKEVIRTUAL, type, "see", "(Ljava/lang/String;[Ljava/lang/Object;)V", false);
        out.visitLabel(goOn);
        Object[] types = frameTypes();
        sorter.visitFrame(Opcodes.F_NEW, types.length, types, 0, new Object[0]);
    }

    private boolean counts(Instrument.Scope s) {
        int here = labels - 1;
        Object held = s.index() < locals.size() ? locals.get(s.index()) : Opcodes.TOP;
        return s.from() <= here
                && here < s.to()
                && held != Opcodes.TOP
                && held != Opcodes.UNINITIALIZED_THIS
                && !(held instanceof Label);
    }

    private void load(Object held, Instrument.Scope s) {
        Type declared = s.signature().length() == 1 ? Type.getType(s.signature()) : null;
        if (declared == null) {
            sorter.visitVarInsn(Opcodes.ALOAD, s.index());
            return;
        }
        sorter.visitVarInsn(declared.getOpcode(Opcodes.ILOAD), s.index());
        String box =
                switch (declared.getSort()) {
                    case Type.BOOLEAN -> "java/lang/Boolean";
                    case Type.BYTE -> "java/lang/Byte";
                    case Type.SHORT -> "java/lang/Short";
                    case Type.CHAR -> "java/lang/Character";
                    case Type.INT -> "java/lang/Integer";
                    case Type.LONG -> "java/lang/Long";
                    case Type.FLOAT -> "java/lang/Float";
                    default -> "java/lang/Double";
                };
        out.visitMethodInsn(Opcodes.INVOKESTATIC, box, "valueOf", "(" + s.signature() + ")L" + box + ";", false);
    }

    /** The types of the local variables, each once; the analysis counts a long and a double twice. */
    private Object[] frameTypes() {
        List<Object> types = new ArrayList<>();
        for (int i = 0; i < locals.size(); i++) {
            Object type = locals.get(i);
            types.add(type);
            if (type == Opcodes.LONG || type == Opcodes.DOUBLE) {
                i++;
            }
        }
        return types.toArray();
    }

    @Override
    public void visitInsn(int opcode) {
        begin();
        if (opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN) {
            out.visitVarInsn(Opcodes.ALOAD, frame);
            out.visitMethodInsn(Opcodes.INVOKEVIRTUAL, Instrument.FRAME.getInternalName(), "exit", "()V", false);
        }
        super.visitInsn(opcode);
    }

    @Override
    public void visitIntInsn(int opcode, int operand) {
        begin();
        super.visitIntInsn(opcode, operand);
    }

    @Override
    public void visitVarInsn(int opcode, int index) {
        begin();
        super.visitVarInsn(opcode, index);
    }

    @Override
    public void visitTypeInsn(int opcode, String type) {
        begin();
        super.visitTypeInsn(opcode, type);
    }

    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
        begin();
        super.visitFieldInsn(opcode, owner, name, descriptor);
    }

    @Override
    public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
        begin();
        super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
    }

    @Override
    public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
        begin();
        super.visitInvokeDynamicInsn(name, descriptor, bootstrap, arguments);
    }

    @Override
    public void visitJumpInsn(int opcode, Label label) {
        begin();
        super.visitJumpInsn(opcode, label);
    }

    @Override
    public void visitLdcInsn(Object value) {
        begin();
        super.visitLdcInsn(value);
    }

    @Override
    public void visitIincInsn(int index, int increment) {
        begin();
        super.visitIincInsn(index, increment);
    }

    @Override
    public void visitTableSwitchInsn(int min, int max, Label otherwise, Label... targets) {
        begin();
        super.visitTableSwitchInsn(min, max, otherwise, targets);
    }

    @Override
    public void visitLookupSwitchInsn(Label otherwise, int[] keys, Label[] targets) {
        begin();
        super.visitLookupSwitchInsn(otherwise, keys, targets);
    }

    @Override
    public void visitMultiANewArrayInsn(String descriptor, int dimensions) {
        begin();
        super.visitMultiANewArrayInsn(descriptor, dimensions);
    }
}
