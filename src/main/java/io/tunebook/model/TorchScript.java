package io.tunebook.model;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.cuda.Determinism;
import io.tunebook.cuda.GraphExecutor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Functions written in Python with PyTorch, packed into an archive that PyTorch loads from memory as a module that may
 * have a state. All calls run in inference mode: no autograd graph is ever made.
 *
 * <p>The archive is a zip of stored entries: {@code version}, {@code data.pkl} (an instance of the class),
 * {@code constants.pkl} (an empty tuple) and {@code code/__torch__.py}. Source: PyTorch,
 * {@code torch/csrc/jit/docs/serialization.md}.
 */
public final class TorchScript implements AutoCloseable {
    private static final byte[] VERSION = "10\n".getBytes(StandardCharsets.US_ASCII);
    private static final int TRUE = 0x88;
    private static final int FALSE = 0x89;
    private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

    private final PtSymbolBlock block;
    private final String name;

    private TorchScript(PtSymbolBlock block, String name) {
        this.block = block;
        this.name = name;
    }

    /**
     * Compiles Python.
     *
     * @param manager whose device the methods will mostly run on; it does not own them
     * @param name of the class whose methods are called; functions become methods of it, see {@link ScriptText}
     * @param files of Python, beside the class {@code near}; a function of a later one takes the place of an earlier
     *     one of its name
     * @throws ai.djl.engine.EngineException with PyTorch's words if they do not compile
     */
    public static TorchScript load(NDManager manager, String name, Class<?> near, String... files) {
        try {
            ScriptText text = ScriptText.of(name, near, List.of(files));
            ByteArrayInputStream archive = new ByteArrayInputStream(archive(name, text));
            return new TorchScript(JniUtils.loadModule((PtNDManager) manager, archive, false, false), name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] archive(String name, ScriptText text) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
            store(zip, "data.pkl", instance(name, text.attributes()));
            store(zip, "code/__torch__.py", text.code().getBytes(StandardCharsets.UTF_8));
            store(zip, "constants.pkl", EMPTY_TUPLE);
            store(zip, "version", VERSION);
        }
        return out.toByteArray();
    }

    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry("m/" + name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    /**
     * Pickle protocol 2 of {@code __torch__.NAME().__setstate__({"training": True, ...})}: lists are empty, what is
     * optional is not there, and flags are false. An empty list is given its type by
     * {@code restore_type_tag([], "List[...]")}, as PyTorch's own pickler does.
     */
    private static byte[] instance(String name, Map<String, String> attributes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(new byte[] {(byte) 0x80, 2});
        ascii(out, "c__torch__\n" + name + "\n)\u0081}(");
        text(out, "training");
        out.write(TRUE);
        for (var attribute : attributes.entrySet()) {
            String type = attribute.getValue();
            text(out, attribute.getKey());
            if (type.startsWith("List[")) {
                ascii(out, "ctorch.jit._pickle\nrestore_type_tag\n]");
                text(out, type);
                ascii(out, "\u0086R");
            } else if (type.startsWith("Optional[")) {
                ascii(out, "N");
            } else if (type.equals("bool")) {
                out.write(FALSE);
            } else {
                throw new IllegalArgumentException(
                        "attribute " + attribute.getKey() + ": expected List, Optional or bool, found " + type);
            }
        }
        ascii(out, "ub.");
        return out.toByteArray();
    }

    private static void ascii(ByteArrayOutputStream out, String opcodes) {
        out.writeBytes(opcodes.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static void text(ByteArrayOutputStream out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.write('X');
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(bytes.length)
                .array());
        out.writeBytes(bytes);
    }

    /** The arguments of one call, in their order; closing it frees what the call was handed, not the tensors. */
    public static final class Arguments implements AutoCloseable {
        private final List<IValue> values = new ArrayList<>();

        public Arguments tensor(NDArray array) {
            return add(IValue.from((PtNDArray) array));
        }

        public Arguments tensors(List<NDArray> arrays) {
            return add(
                    IValue.listFrom(arrays.stream().map(PtNDArray.class::cast).toArray(PtNDArray[]::new)));
        }

        public Arguments number(long number) {
            return add(IValue.from(number));
        }

        public Arguments numbers(long... numbers) {
            return add(IValue.listFrom(numbers));
        }

        public Arguments real(double number) {
            return add(IValue.from(number));
        }

        public Arguments reals(double... numbers) {
            return add(IValue.listFrom(numbers));
        }

        public Arguments text(String text) {
            return add(IValue.from(text));
        }

        public Arguments flag(boolean flag) {
            return add(IValue.from(flag));
        }

        private Arguments add(IValue value) {
            values.add(value);
            return this;
        }

        @Override
        public void close() {
            values.forEach(IValue::close);
        }
    }

    /**
     * Calls a method that returns a tensor, or a list or tuple of tensors.
     *
     * @param owner of the tensors that come back
     * @throws ai.djl.engine.EngineException with PyTorch's words and the line of the text if it fails
     */
    public List<NDArray> call(NDManager owner, String method, Arguments arguments) {
        try (IValue result = result(owner.getDevice(), method, arguments)) {
            return List.copyOf(result.toNDList((PtNDManager) owner));
        }
    }

    /** Calls a method that returns nothing. */
    public void run(Device device, String method, Arguments arguments) {
        result(device, method, arguments).close();
    }

    private IValue result(Device device, String method, Arguments arguments) {
        GraphExecutor.runAsWritten();
        IValue[] values = arguments.values.toArray(IValue[]::new);
        if (!device.isGpu()) {
            return IValueUtils.runMethod(block, method, values);
        }
        Determinism.begin();
        try {
            CudaDevice.enter(device);
            IValue result = IValueUtils.runMethod(block, method, values);
            try {
                CudaDevice.leave(device);
                return result;
            } catch (EngineException e) {
                result.close();
                throw e;
            }
        } finally {
            Determinism.end();
        }
    }

    @Override
    public void close() {
        block.close();
    }

    @Override
    public String toString() {
        return "TorchScript[" + name + "]";
    }
}
