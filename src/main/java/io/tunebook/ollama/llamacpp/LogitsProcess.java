package io.tunebook.ollama.llamacpp;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The process of {@link LlamaLogits}. Once the model is loaded it writes how many tokens there are, or {@link #REFUSED} and why it is not. Then it reads texts,
 * each as the number of its tokens and these, and writes each one's logits in the machine's order of bytes. It ends when its input does, which is when the JVM that
 * started it is gone.
 */
final class LogitsProcess {
    static final int REFUSED = -1;

    private LogitsProcess() {}

    /** {@code FOLDER GGUF ROOM [ADAPTER]} */
    public static void main(String[] args) throws IOException {
        DataOutputStream out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        List<Path> adapters = Arrays.stream(args).skip(3).map(Path::of).toList();
        LlamaModel model;
        try {
            LlamaCpp.Search search = LlamaCpp.in(Path.of(args[0]));
            if (search instanceof LlamaCpp.Search.Missing missing) {
                throw new IllegalArgumentException(missing.why());
            }
            LlamaModel.Settings settings = new LlamaModel.Settings(Integer.parseInt(args[2]), LlamaCpp.cores(), false);
            model = new LlamaModel(((LlamaCpp.Search.Found) search).llama(), Path.of(args[1]), adapters, settings);
        } catch (IllegalArgumentException e) {
            out.writeInt(REFUSED);
            out.writeUTF(String.valueOf(e.getMessage()));
            return;
        }
        out.writeInt(model.tokenCount());
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        ByteBuffer bytes = ByteBuffer.allocate(4 * model.tokenCount()).order(ByteOrder.nativeOrder());
        try {
            while (true) {
                int[] tokens = new int[in.readInt()];
                for (int i = 0; i < tokens.length; i++) {
                    tokens[i] = in.readInt();
                }
                model.text(tokens);
                bytes.asFloatBuffer().put(model.logits());
                out.write(bytes.array());
            }
        } catch (EOFException end) {
            Runtime.getRuntime().halt(0);
        }
    }
}
