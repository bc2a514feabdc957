package io.tunebook.kernel.magic;

import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Source;
import io.tunebook.kernel.eval.TimedLoop;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How long code takes. */
final class TimeMagics {
    private static final Pattern OPTION = Pattern.compile("\\s*-([nr])\\s*(\\d+)(?=\\s|$)");
    private static final int RUNS = 7;
    private static final long RUN = 100_000_000; // ns that one run should take
    private static final long WARM_UP = 500_000_000;

    private final CellEvaluator evaluator;
    private final Magics magics;

    TimeMagics(CellEvaluator evaluator, Magics magics) {
        this.evaluator = evaluator;
        this.magics = magics;
    }

    List<Magic> all() {
        return List.of(
                new Magic(
                        "%time",
                        "CODE",
                        "Runs the line and says how long it took, without its compilation.",
                        (a, rest, body) -> time(rest)),
                new Magic(
                        "%%time",
                        "",
                        "Runs the cell and says how long it took, without its compilation.",
                        (a, rest, body) -> time(body)),
                new Magic(
                        "%timeit",
                        "[-n LOOPS] [-r RUNS] CODE",
                        "Runs an expression or statement again and again, and says how long it takes.",
                        (a, rest, body) -> timeIt(rest, "")),
                new Magic(
                        "%%timeit",
                        "[-n LOOPS] [-r RUNS] [SETUP]",
                        "Runs the cell again and again and says how long it takes; the line's code runs before.",
                        (a, rest, body) -> timeIt(rest, body)));
    }

    private Object time(String code) throws CellException {
        long before = evaluator.nanosRun();
        Optional<CellEvaluator.Result> result = magics.execute(new Source("%time", code));
        System.out.println("Wall time: " + duration(evaluator.nanosRun() - before));
        return result.orElse(null);
    }

    private Object timeIt(String line, String body) throws CellException {
        String rest = line;
        long loops = 0;
        int runs = RUNS;
        for (Matcher m = OPTION.matcher(rest); m.lookingAt(); m = OPTION.matcher(rest)) {
            if (m.group(1).equals("n")) {
                loops = Long.parseLong(m.group(2));
            } else {
                runs = Math.max(1, Integer.parseInt(m.group(2)));
            }
            rest = rest.substring(m.end());
        }
        String code = body.isBlank() ? rest : body;
        if (code.isBlank()) {
            throw new IllegalArgumentException("expected an expression or statements, found nothing");
        }
        TimedLoop loop =
                evaluator.loop(new Source(body.isBlank() ? "%timeit" : "%%timeit", code), body.isBlank() ? "" : rest);
        if (loops == 0) {
            // Warm: the JIT has compiled the loop when it stays as fast as it was.
            long n = 1;
            long spent = 0;
            long took = measure(loop, n);
            while (spent < WARM_UP && took < RUN) {
                spent += took;
                n = took < RUN / 20 ? n * 2 : n;
                took = measure(loop, n);
            }
            loops = Math.max(1, took == 0 ? n : Math.round((double) n * RUN / took));
        }
        double[] each = new double[runs];
        for (int i = 0; i < runs; i++) {
            each[i] = (double) measure(loop, loops) / loops;
        }
        double mean = Arrays.stream(each).average().orElse(0);
        double deviation =
                Math.sqrt(Arrays.stream(each).map(x -> (x - mean) * (x - mean)).sum() / runs);
        System.out.println(duration(mean) + " ± " + duration(deviation) + " per loop (mean ± std. dev. of " + runs
                + (runs == 1 ? " run, " : " runs, ") + String.format(Locale.ROOT, "%,d", loops)
                + (loops == 1 ? " loop each)" : " loops each)"));
        return null;
    }

    private long measure(TimedLoop loop, long n) throws CellException {
        return evaluator.call(() -> loop.run(n));
    }

    static String duration(double nanos) {
        String[] units = {"ns", "µs", "ms", "s"};
        double value = nanos;
        int unit = 0;
        while (value >= 1000 && unit < units.length - 1) {
            value /= 1000;
            unit++;
        }
        int digits = value >= 100 || value == 0 ? 0 : value >= 10 ? 1 : 2;
        return String.format(Locale.ROOT, "%." + digits + "f %s", value, units[unit]);
    }
}
