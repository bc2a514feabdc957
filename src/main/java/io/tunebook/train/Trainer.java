package io.tunebook.train;

import io.tunebook.dataset.Dataset;
import io.tunebook.dataset.Packing;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/**
 * Trains an adapter on a data set. This is what one sets; {@link TrainingRun} is what happens then.
 *
 * <pre>{@code
 * LoraAdapter adapter = Trainer.of(model, LoraConfig.rank(16))
 *         .with(TrainingArguments.defaults().epochs(2))
 *         .on(LossCurve.live())
 *         .train(data);
 * }</pre>
 *
 * <p>A step's loss is the mean over all counted tokens of its micro-batches, so that accumulation gives the gradients
 * of one large batch. On the CPU, the same seed, data and number of threads give the same run bit for bit, through a
 * checkpoint too; on a GPU with {@link TrainingArguments#deterministic} from beginning to end.
 */
public final class Trainer {
    private final CausalLM model;
    private final LoraConfig lora;
    private final List<TrainingListener> listeners = new ArrayList<>(List.of(new ProgressBar()));
    private TrainingArguments arguments = TrainingArguments.defaults();
    private boolean resume;
    private TrainingRun last;

    private Trainer(CausalLM model, LoraConfig lora) {
        this.model = Objects.requireNonNull(model);
        this.lora = Objects.requireNonNull(lora);
    }

    /** A new adapter for a model. */
    public static Trainer of(CausalLM model, LoraConfig lora) {
        return new Trainer(model, lora);
    }

    /** @throws IllegalArgumentException if an argument is out of its range */
    public Trainer with(TrainingArguments these) {
        these.requireInRange();
        arguments = these;
        return this;
    }

    /** Tells one more listener. A progress bar is always there. */
    public Trainer on(TrainingListener listener) {
        listeners.add(Objects.requireNonNull(listener));
        return this;
    }

    /**
     * Goes on from the newest checkpoint of the newest run in the arguments' folder, or begins anew if there is none.
     */
    public Trainer resume() {
        resume = true;
        return this;
    }

    /**
     * What happened so far in the last run.
     *
     * @throws IllegalStateException before the first one
     */
    public TrainingReport report() {
        if (last == null) {
            throw new IllegalStateException("nothing was trained yet: call train first");
        }
        return last.report();
    }

    /** Trains without measuring a held-out loss. */
    public LoraAdapter train(Dataset dataset) {
        return train(dataset, null);
    }

    /**
     * Trains. The adapter is in use by the model afterwards. If the thread is interrupted, training stops after the
     * current step and the adapter is returned as that step left it, with the interrupt cleared and {@link
     * TrainingReport.Outcome#INTERRUPTED} in the report. If training ends by an exception, what it had allocated is
     * freed and the model is as it was loaded.
     *
     * @param dataset what to learn
     * @param heldOut what to measure with; null for nothing
     * @return the trained adapter; after early stopping, that of the best measurement
     * @throws TrainingException if the loss is not finite any more, memory does not suffice, or another host of
     * {@link TrainingArguments#hosts} does not come, does not fit, fails or goes away
     * @throws IllegalArgumentException if the tokens are another tokenizer's, there are no examples, or a checkpoint is
     * of another run
     * @throws UncheckedIOException if a checkpoint cannot be written or read
     */
    public LoraAdapter train(Dataset dataset, Dataset heldOut) {
        Dataset fitting = checked(dataset, "training");
        Packing packing = arguments.packing()
                ? Packing.packed(arguments.batchSize(), arguments.maxLength())
                : Packing.padded(arguments.batchSize(), arguments.maxLength());
        List<TokenBatch> measured = heldOut == null ? List.of() : measured(checked(heldOut, "held-out"), arguments);
        LoraAdapter adapter = LoraAdapter.create(model, lora, arguments.seed());
        try {
            return train(
                    epoch -> lazily(packing.batches(fitting, Seeds.mix(arguments.seed(), epoch))),
                    measured,
                    () -> Fingerprint.of(fitting),
                    adapter);
        } catch (Throwable failure) {
            model.detach();
            adapter.close();
            throw failure;
        }
    }

    /**
     * Trains an adapter on batches as they are given.
     *
     * @param epochs the batches of each pass over the data, counted from 0, in their order; the same number gives the
     * same batches
     * @param heldOut what to measure with; empty for nothing
     * @param adapter where to begin; it stays the caller's
     * @return the same adapter
     */
    public LoraAdapter train(IntFunction<List<TokenBatch>> epochs, List<TokenBatch> heldOut, LoraAdapter adapter) {
        return train(epochs, heldOut, () -> Fingerprint.of(epochs.apply(0)), adapter);
    }

    private LoraAdapter train(
            IntFunction<List<TokenBatch>> epochs,
            List<TokenBatch> heldOut,
            Supplier<String> data,
            LoraAdapter adapter) {
        last = new TrainingRun(adapter, arguments, listeners, epochs, heldOut, data);
        last.train(resume);
        return adapter;
    }

    /**
     * Hands training over to PEFT, for where more machines are wanted than a few: the adapter of the last run, or a
     * fresh one before the first, the data in the order of the first pass, the arguments, a script that goes on from
     * there by {@code torchrun} or {@code accelerate launch}, and a README with these lines. What comes back is loaded
     * by {@link LoraAdapter#load}. The optimizer begins anew.
     *
     * @param dataset what to learn
     * @param folder where it all goes; it is made, and what was exported there before is replaced
     * @throws IllegalArgumentException as {@link #train(Dataset)}
     * @throws IOException if it cannot be written
     */
    public void export(Dataset dataset, Path folder) throws IOException {
        Dataset fitting = checked(dataset, "training");
        if (last != null) {
            PeftExport.write(folder, fitting, last.adapter(), arguments);
            return;
        }
        try (LoraAdapter fresh = LoraAdapter.create(model, lora, arguments.seed())) {
            PeftExport.write(folder, fitting, fresh, arguments);
        }
    }

    /**
     * What is measured with, in as few batches as fit: rows are filled with examples of any length, since the sum of
     * the losses is the same. No batch has more tokens than one of the training may have.
     */
    static List<TokenBatch> measured(Dataset heldOut, TrainingArguments arguments) {
        List<TokenBatch> batches = new ArrayList<>();
        Packing.packed(arguments.batchSize(), arguments.maxLength())
                .batches(heldOut)
                .forEach(batches::add);
        return batches;
    }

    private static List<TokenBatch> lazily(Packing.Batches batches) {
        return new AbstractList<>() {
            @Override
            public int size() {
                return batches.size();
            }

            @Override
            public TokenBatch get(int batch) {
                return batches.get(batch);
            }
        };
    }

    private Dataset checked(Dataset dataset, String which) {
        model.ownTokenizer().requireChecksum("the " + which + " data", dataset.tokenizerChecksum());
        try {
            dataset.verify();
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
        Dataset fitting = dataset.truncate(arguments.maxLength());
        if (fitting.size() == 0) {
            throw new IllegalArgumentException("the " + which + " data: expected at least one example, found none"
                    + (dataset.size() == 0
                            ? ""
                            : " whose answer begins within maxLength(" + arguments.maxLength() + ")"));
        }
        return fitting;
    }

    /**
     * One line under the cell: steps done, time left, loss, speed and memory; and sample answers, printed as they come.
     */
    private static final class ProgressBar implements TrainingListener {
        private Progress bar;

        @Override
        public void started(TrainingReport soFar) {
            soFar.notes().forEach(System.out::println);
            bar = Display.progress(soFar.plannedSteps(), "Training");
        }

        @Override
        public void progressed(TrainingReport soFar) {
            if (!soFar.steps().isEmpty()) {
                TrainingReport.Step s = soFar.steps().get(soFar.steps().size() - 1);
                bar.message(String.format(
                        Locale.ROOT,
                        "loss %.4f · rate %.2g · norm %.2f · %,.0f tokens/s · %,d MB",
                        s.loss(),
                        s.learningRate(),
                        s.gradientNorm(),
                        s.tokensPerSecond(),
                        s.memory() / 1_000_000));
                bar.at(s.step());
            }
        }

        @Override
        public void sampled(TrainingReport.Sample sample) {
            System.out.println("step " + sample.step() + " · " + sample.prompt() + "\n    "
                    + sample.answer().strip().replace("\n", "\n    "));
        }

        @Override
        public void finished(TrainingReport report) {
            bar.close();
        }

        @Override
        public void failed(TrainingReport soFar, Throwable failure) {
            if (bar != null) {
                bar.close();
            }
        }
    }

    /** Training handed over to PEFT: everything that it needs to go on, as files that no Java is needed for. */
    static final class PeftExport {
        /**
         * The arguments that the script does not need: the data are cut, tokenized and labelled already; memory,
         * devices, hosts, determinism and micro-batches are the other program's own matter, which gets the product of
         * devices, hosts and micro-batches; nothing is measured, saved or sampled on the way. All others are written.
         */
        static final Set<String> NOT_NEEDED = Set.of(
                "maxLength",
                "packing",
                "assistantOnly",
                "gradientCheckpointing",
                "devices",
                "hosts",
                "deterministic",
                "gradientAccumulation",
                "evaluateEvery",
                "saveEvery",
                "checkpoints",
                "sampleEvery",
                "samplePrompt",
                "patience");

        private static final String README = """
            A LoRA adapter, its data and its arguments, to be trained on with PEFT: `pip install torch transformers peft accelerate`.
            One machine: `torchrun --nproc_per_node 8 train.py`; several: `accelerate launch --num_machines 4 … train.py` on each.
            The model is read from `%s`; name another place with `--model`. It must be the same model.
            The first pass takes the rows of `data.tokens` in their order, which is Tunebook's; %s
            The result is in `trained`: `LoraAdapter.load(Path.of("trained"), model)` loads it in Tunebook.
            """;

        private PeftExport() {}

        static void write(Path folder, Dataset data, LoraAdapter adapter, TrainingArguments arguments)
                throws IOException {
            Files.createDirectories(folder);
            adapter.save(folder);
            data.shuffle(Seeds.mix(arguments.seed(), 0)).save(folder.resolve("data.tokens"));
            Files.deleteIfExists(folder.resolve("data.tokens.lock"));
            String model = adapter.model().path().toAbsolutePath().toString();
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("model", model);
            all.put("tokenizer", data.tokenizerChecksum());
            all.put("microBatches", arguments.microBatches());
            for (RecordComponent c : TrainingArguments.class.getRecordComponents()) {
                if (!NOT_NEEDED.contains(c.getName())) {
                    all.put(c.getName(), arguments.value(c));
                }
            }
            AtomicFile.write(
                    folder.resolve("arguments.json"),
                    Json.files().writerWithDefaultPrettyPrinter().writeValueAsBytes(all));
            try (InputStream script = Trainer.class.getResourceAsStream("export_train.py")) {
                AtomicFile.write(folder.resolve("train.py"), script.readAllBytes());
            }
            String packing = arguments.packing()
                    ? "rows hold one example there, also where Tunebook packs several."
                    : "later ones are shuffled otherwise.";
            AtomicFile.write(
                    folder.resolve("README.md"),
                    README.formatted(model, packing).getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A seed of its own for each use. */
    static final class Seeds {
        private Seeds() {}

        /** By the finaliser of SplitMix64 (Steele, Lea and Flood, 2014). */
        static long mix(long seed, long use) {
            long z = seed + use * 0x9e3779b97f4a7c15L;
            z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
            z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
            return z ^ z >>> 31;
        }
    }
}
