package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.cuda.GraphExecutor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Methods written in TorchScript, packed into an archive that PyTorch loads from memory. All calls run in inference mode: no autograd graph is ever made.
 *
 * <p>The archive is a zip of stored entries: {@code version}, {@code data.pkl} (an instance of the class without attributes but {@code training}), {@code
 * constants.pkl} (an empty tuple) and {@code code/__torch__.py}. Source: PyTorch, {@code torch/csrc/jit/docs/serialization.md}.
 */
public final class TorchScript implements AutoCloseable {
    private static final byte[] VERSION = "10\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

    private final PtSymbolBlock block;
    private final String name;

    private TorchScript(PtSymbolBlock block, String name) {
        this.block = block;
        this.name = name;
    }

    /**
     * Compiles methods.
     *
     * @param manager whose device the methods will mostly run on; it does not own them
     * @param name of the class, as the methods' {@code self: __torch__.NAME} says
     * @param resources the methods' texts, beside the class {@code near}
     * @throws ai.djl.engine.EngineException with PyTorch's words if they do not compile
     */
    public static TorchScript load(NDManager manager, String name, Class<?> near, String... resources) {
        try {
            StringBuilder methods = new StringBuilder();
            for (String resource : resources) {
                methods.append(text(near, resource)).append('\n');
            }
            ByteArrayInputStream archive = new ByteArrayInputStream(archive(name, methods.toString()));
            return new TorchScript(JniUtils.loadModule((PtNDManager) manager, archive, false, false), name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A resource beside a class, in UTF-8. */
    static String text(Class<?> near, String resource) throws IOException {
        try (InputStream in = near.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalArgumentException("no resource " + resource + " beside " + near.getName());
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static byte[] archive(String name, String methods) throws IOException {
        String code = "class " + name + "(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
                + methods.indent(2);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
            store(zip, "data.pkl", instance(name));
            store(zip, "code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
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

    /** Pickle protocol 2 of {@code __torch__.NAME().__setstate__({"training": True})}. */
    private static byte[] instance(String name) {
        byte[] attribute = "training".getBytes(StandardCharsets.US_ASCII);
        ByteBuffer out = ByteBuffer.allocate(64 + name.length()).order(ByteOrder.LITTLE_ENDIAN);
        out.put((byte) 0x80).put((byte) 2);
        out.put(("c__torch__\n" + name + "\n").getBytes(StandardCharsets.US_ASCII))
                .put((byte) 'q')
                .put((byte) 0);
        out.put((byte) ')').put((byte) 0x81);
        out.put((byte) '}').put((byte) '(');
        out.put((byte) 'X').putInt(attribute.length).put(attribute).put((byte) 0x88);
        out.put((byte) 'u').put((byte) 'b').put((byte) '.');
        return java.util.Arrays.copyOf(out.array(), out.position());
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
        GraphExecutor.runAsWritten();
        CudaDevice.enter(owner.getDevice());
        try (IValue result = IValueUtils.runMethod(block, method, arguments.values.toArray(IValue[]::new))) {
            CudaDevice.leave(owner.getDevice());
            return List.copyOf(result.toNDList((PtNDManager) owner));
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
