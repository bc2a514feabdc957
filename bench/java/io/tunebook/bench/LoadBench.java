package io.tunebook.bench;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.DecoderScript;
import io.tunebook.model.TokenBatch;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import io.tunebook.train.TrainingListener;
import io.tunebook.train.TrainingReport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Where the time goes from the start of the process to the third step, part by part and one after the other; the library itself does some of them at once. {@code
 * bench/training.py} starts it.
 *
 * <p>{@code FOLDER ROWS LENGTH} prints one line of JSON, seconds by part.
 */
final class LoadBench {
    private LoadBench() {}

    public static void main(String[] args) throws Exception {
        Map<String, Double> parts = new LinkedHashMap<>();
        double begun = Double.parseDouble(System.getenv("TUNEBOOK_BENCH_STARTED"));
        parts.put("JVM", System.currentTimeMillis() / 1e3 - begun);
        long[] last = {System.nanoTime()};
        Device device = Engine.getInstance().getGpuCount() > 0 ? Device.gpu() : Device.cpu();
        part(parts, "PyTorch's libraries", last);
        try (NDManager manager = NDManager.newBaseManager(device)) {
            manager.ones(new Shape(1)).toFloatArray();
            part(parts, "CUDA context and its first kernel", last);
            manager.ones(new Shape(256, 256))
                    .matMul(manager.ones(new Shape(256, 256)))
                    .toFloatArray();
            part(parts, "cuBLAS", last);
            if (device.isGpu()) {
                CudaDevice.of(device).missing();
                CudaDevice.of(device).compiled(16);
                part(parts, "kernels, compiled or kept", last);
            }
            DecoderScript.load(
                            manager,
                            device.isGpu() && CudaDevice.of(device).missing().isEmpty())
                    .close();
            part(parts, "compiling the decoder's text", last);
        }
        Path folder = Path.of(args[0]);
        read(folder);
        part(parts, "reading the files by plain reads", last);
        try (CausalLM model = CausalLM.load(folder)) {
            part(parts, "loading, without what is above but with the text once more", last);
            try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(16), 1)) {
                part(parts, "factors", last);
                Random random = new Random(1);
                List<TokenBatch> batches = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                    batches.add(Batches.whole(
                            random,
                            Integer.parseInt(args[1]),
                            Integer.parseInt(args[2]),
                            model.config().vocabularySize()));
                }
                last[0] = System.nanoTime();
                Trainer.of(model, LoraConfig.rank(16))
                        .with(TrainingArguments.defaults().maxSteps(batches.size()))
                        .on(new TrainingListener() {
                            @Override
                            public void started(TrainingReport soFar) {
                                part(parts, "estimate of memory, optimizer", last);
                            }

                            @Override
                            public void progressed(TrainingReport soFar) {
                                part(parts, "step " + soFar.steps().size(), last);
                            }
                        })
                        .train(epoch -> batches, List.of(), adapter);
            }
        }
        StringBuilder json = new StringBuilder();
        parts.forEach((name, seconds) -> json.append(json.isEmpty() ? "" : ", ")
                .append('"')
                .append(name)
                .append("\": ")
                .append(seconds));
        System.out.println("{" + json + "}");
    }

    private static void part(Map<String, Double> parts, String name, long[] last) {
        long now = System.nanoTime();
        parts.put(name, (now - last[0]) / 1e9);
        last[0] = now;
    }

    private static void read(Path folder) throws IOException {
        ByteBuffer room = ByteBuffer.allocateDirect(1 << 24);
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                try (FileChannel channel = FileChannel.open(file)) {
                    while (channel.read(room.clear()) >= 0) {
                        // only read
                    }
                }
            }
        }
    }
}
