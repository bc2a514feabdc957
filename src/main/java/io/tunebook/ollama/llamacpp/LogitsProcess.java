package io.tunebook.ollama.llamacpp;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;

/**
 * The process of {@link LlamaLogits}. Once the model is loaded it writes how many tokens there are, or {@link #REFUSED}
 * and why it is not. Then it reads texts, each as the number of its tokens and these, writes its logits into a file, in
 * the machine's order of bytes, and then one byte. The file stays in the system's memory and is written in one go: a
 * pipe holds a third of the logits of 49,152 tokens, so that the two processes would wait for each other by turns. It
 * ends when its input does, which is when the JVM that started it is gone.
 */
final class LogitsProcess {
    static final int REFUSED = -1;

    private static final int DONE = 1;

    private LogitsProcess() {}

    /** {@code LOGITS FOLDER GGUF ROOM [ADAPTER]} */
    public static void main(String[] args) throws IOException {
        DataOutputStream out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        List<Path> adapters = Arrays.stream(args).skip(4).map(Path::of).toList();
        LlamaModel model;
        try {
            LlamaCpp.Search search = LlamaCpp.in(Path.of(args[1]));
            if (search instanceof LlamaCpp.Search.Missing missing) {
                throw new IllegalArgumentException(missing.why());
            }
            LlamaModel.Settings settings = new LlamaModel.Settings(Integer.parseInt(args[3]), LlamaCpp.cores(), false);
            model = new LlamaModel(((LlamaCpp.Search.Found) search).llama(), Path.of(args[2]), adapters, settings);
        } catch (IllegalArgumentException e) {
            out.writeInt(REFUSED);
            out.writeUTF(String.valueOf(e.getMessage()));
            return;
        }
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        try (FileChannel logits =
                FileChannel.open(Path.of(args[0]), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            out.writeInt(model.tokenCount());
            while (true) {
                int[] tokens = new int[in.readInt()];
                for (int i = 0; i < tokens.length; i++) {
                    tokens[i] = in.readInt();
                }
                model.text(tokens);
                ByteBuffer values = model.logitsInPlace();
                while (values.hasRemaining()) {
                    logits.write(values, values.position());
                }
                out.write(DONE);
            }
        } catch (EOFException end) {
            Runtime.getRuntime().halt(0);
        }
    }
}
