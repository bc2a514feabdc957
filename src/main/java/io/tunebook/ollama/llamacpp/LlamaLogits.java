package io.tunebook.ollama.llamacpp;

import com.sun.jna.Native;
import io.tunebook.files.JavaCommand;
import io.tunebook.files.TemporaryFolder;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A model in llama.cpp that gives the logits of texts, one after the other. It runs in a process of its own: a failed
 * assertion ends llama.cpp's process, and must not end this one. What a text has in common with the one before is not
 * computed anew. For one thread.
 */
public final class LlamaLogits implements AutoCloseable {
    private final Process process;
    private final DataInputStream answers;
    private final DataOutputStream texts;
    /** Null until the process has made it. A channel would be closed by an interrupt of the thread that reads. */
    private RandomAccessFile file;

    private final byte[] done = new byte[1];
    private final ByteBuffer logits;

    /**
     * Loads a model; returns when it is loaded.
     *
     * @param libraries the folder of llama.cpp's libraries
     * @param adapter a LoRA GGUF, which may be deleted afterwards
     * @param room how many tokens a text may have
     * @throws IOException if there is no such llama.cpp, it does not take a file, or it ends; with its words where it
     *     has any
     */
    public LlamaLogits(Path libraries, Path gguf, Optional<Path> adapter, int room) throws IOException {
        try (TemporaryFolder folder =
                new TemporaryFolder()) { // both processes keep the file open, which needs no name then
            Path shared = folder.path().resolve("logits.f32");
            process = start(libraries, gguf, adapter, room, shared);
            answers = new DataInputStream(process.getInputStream());
            texts = new DataOutputStream(new BufferedOutputStream(process.getOutputStream()));
            int tokens;
            String why = "";
            try {
                tokens = answers.readInt();
                if (tokens == LogitsProcess.REFUSED) {
                    why = answers.readUTF();
                }
            } catch (IOException e) {
                throw ended(e);
            }
            if (tokens == LogitsProcess.REFUSED) {
                close();
                throw new IOException(why);
            }
            try {
                file = new RandomAccessFile(shared.toFile(), "r");
            } catch (IOException e) {
                close();
                throw e;
            }
            logits = ByteBuffer.allocate(4 * tokens).order(ByteOrder.nativeOrder());
        }
    }

    private static Process start(Path libraries, Path gguf, Optional<Path> adapter, int room, Path shared)
            throws IOException {
        List<String> command =
                JavaCommand.of(LogitsProcess.class, List.of(Native.class), "-Xmx128m", "-Dfile.encoding=UTF-8");
        command.addAll(List.of(shared.toString(), libraries.toString(), gguf.toString(), String.valueOf(room)));
        adapter.ifPresent(a -> command.add(a.toString()));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("GGML_NO_BACKTRACE", "1"); // a debugger would be started for it
        return builder.start();
    }

    /** How many tokens the vocabulary has. */
    public int tokenCount() {
        return logits.capacity() / 4;
    }

    /**
     * The logits behind a text's last token.
     *
     * @throws IOException if the process ended, after which this is closed
     */
    public float[] of(int[] text) throws IOException {
        try {
            texts.writeInt(text.length);
            for (int token : text) {
                texts.writeInt(token);
            }
            texts.flush();
            answers.readFully(done);
            file.seek(0);
            file.readFully(logits.array());
            float[] values = new float[tokenCount()];
            logits.asFloatBuffer().get(values);
            return values;
        } catch (IOException e) {
            throw ended(e);
        }
    }

    private IOException ended(IOException e) {
        close();
        return new IOException("llama.cpp's process ended with status " + process.exitValue(), e);
    }

    /** Ends the process, which gives back all that llama.cpp holds. */
    @Override
    public void close() {
        boolean interrupted = Thread.interrupted();
        try {
            if (file != null) {
                file.close();
            }
            texts.close(); // the end of its input
        } catch (IOException gone) {
            // it has ended already
        }
        while (process.isAlive()) {
            try {
                if (!process.waitFor(5, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                }
            } catch (InterruptedException e) {
                process.destroyForcibly();
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
