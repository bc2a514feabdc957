"""Whether %timeit tells the truth: what it says of an expression, beside a plain loop over the same expression, in a method that a cell declares.

    python bench/kernel_timeit.py [--record]

Needs jupyter_client; the kernel's jar must have been built (mvn package -pl kernel).
"""

import argparse
import os
import re
import tempfile

import record
from kernel_roundtrip import install, run, start

SETUP = """int[] numbers = new Random(7).ints(1_000).toArray();
String text = "the quick brown fox jumps over the lazy dog";
double angle = 1.25;
long sink = 0;"""
EXPRESSIONS = {
    "(long) (1e6 * Math.sin(angle))": 20_000_000,
    "Integer.toString(numbers.length * 1_000_003).length()": 20_000_000,
    "text.replace('o', '0').hashCode()": 5_000_000,
    "Arrays.stream(numbers.clone()).sorted().sum()": 20_000,
}
UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}
TURNS, RUNS = 15, 7


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEBOOK_HISTORY"] = os.path.join(folder, "history.jsonl")
        manager, client = start("tunebook", [install(folder)])
        try:
            run(client, SETUP)
            rows = []
            for i, (expression, times) in enumerate(EXPRESSIONS.items()):
                run(client, f"""long loop{i}(int times) {{
                        long start = System.nanoTime();
                        for (int i = 0; i < times; i++) {{ sink += {expression}; }}
                        return System.nanoTime() - start;
                    }}""")
                turns = []  # %timeit and the loop in turns, since a machine that is shared changes its speed from one second to the next
                for _ in range(TURNS):
                    _, text = run(client, f"%timeit {expression}")
                    value, unit = re.match(r"([\d.]+) (ns|µs|ms|s) ±", text).groups()
                    # The first runs warm it up; of the rest the mean, as %timeit takes it.
                    _, text = run(client, f"""double total = 0;
                        for (int r = -3; r < {RUNS}; r++) {{ long t = loop{i}({times // 10}); if (r >= 0) total += t; }}
                        System.out.print(total / {RUNS} / {times // 10});""")
                    turns.append((float(value) * UNITS[unit] / float(text), float(value) * UNITS[unit], float(text)))
                ratio, ours, plain = sorted(turns)[TURNS // 2]
                rows.append((abs(ratio - 1), ours, plain))
                print(f"{expression:54} %timeit {ours:10.2f} ns   loop {plain:10.2f} ns   ratio {ratio:.3f}")
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    off, ours, plain = max(rows)
    print(f"at most {off:.3f} off (goal 0.1)")
    if options.record:
        record.row("kernel.timeit", f"%timeit beside a plain loop, four expressions, how far the worst median of {TURNS} ratios is off", round(ours, 2), round(plain, 2),
                   "ns", round(off, 3), "<=0.1", "python bench/kernel_timeit.py")


if __name__ == "__main__":
    main()
