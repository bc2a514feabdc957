"""What it costs that every cell can be interrupted: tight numeric loops typed into a cell, which poll at their back edges, beside the same source
compiled by javac and loaded from the class path, which does not; both in the same kernel, in turns.

    python bench/kernel_interrupt.py [--record]

Needs jupyter_client and a JDK; the kernel's jar must have been built (mvn package -pl kernel).
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

import record
from kernel_roundtrip import install, run, start

LOOPS = {
    "sum of i*i, long": """static long NAME(int n) {
    long sum = 0;
    for (int r = 0; r < 60; r++) { for (int i = 0; i < n; i++) { sum += (long) i * i ^ r; } }
    return sum;
}""",
    "xorshift, one dependency chain": """static long NAME(int n) {
    long x = 88172645463325252L;
    for (int i = 0; i < 20 * n; i++) { x ^= x << 13; x ^= x >>> 7; x ^= x << 17; }
    return x;
}""",
    "matrix product, double": """static long NAME(int n) {
    int m = (int) Math.sqrt(n) / 3;
    double[] a = new double[m * m], b = new double[m * m], c = new double[m * m];
    for (int i = 0; i < m * m; i++) { a[i] = i % 7; b[i] = i % 5; }
    for (int i = 0; i < m; i++) {
        for (int k = 0; k < m; k++) {
            double f = a[i * m + k];
            for (int j = 0; j < m; j++) { c[i * m + j] += f * b[k * m + j]; }
        }
    }
    return (long) c[m + 1];
}""",
    "while with a division": """static long NAME(int n) {
    long steps = 0;
    for (int s = 1; s < n / 30; s++) { long v = s; while (v != 1) { v = v % 2 == 0 ? v / 2 : 3 * v + 1; steps++; } }
    return steps;
}""",
}
ROUNDS, N = 25, 1_000_000


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    options = arguments.parse_args()
    names = [f"loop{i}" for i in range(len(LOOPS))]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEBOOK_HISTORY"] = os.path.join(folder, "history.jsonl")
        plain = pathlib.Path(folder, "plain")
        plain.mkdir()
        methods = "\n".join("public " + s.replace("NAME", n) for n, s in zip(names, LOOPS.values()))
        source = plain / "Plain.java"
        source.write_text("package plain;\npublic class Plain {\n" + methods + "\n}\n", "utf-8")
        subprocess.run(["javac", "-d", str(plain), str(source)], check=True)
        manager, client = start("tunebook", [install(folder)])
        try:
            run(client, f"%classpath {plain}")
            run(client, "class Typed {\n" + methods + "\n}")
            ratios = {}
            for name, what in zip(names, LOOPS):
                _, text = run(client, f"""
                    double[] typed = new double[{ROUNDS}], plain = new double[{ROUNDS}];
                    long check = 0;
                    for (int r = -10; r < {ROUNDS}; r++) {{
                        long a = System.nanoTime(); check += Typed.{name}({N});
                        long b = System.nanoTime(); check -= plain.Plain.{name}({N});
                        long c = System.nanoTime();
                        if (r >= 0) {{ typed[r] = (b - a) / 1e6; plain[r] = (c - b) / 1e6; }}
                    }}
                    Arrays.sort(typed); Arrays.sort(plain);
                    System.out.print(typed[{ROUNDS // 2}] + " " + plain[{ROUNDS // 2}] + " " + check);
                    """.replace("plain = new", "bare = new").replace("plain[", "bare[").replace("sort(plain)", "sort(bare)"))
                typed, bare, check = text.split()
                assert check == "0", text
                ratios[what] = float(typed) / float(bare)
                print(f"{what:32} in a cell {float(typed):8.2f} ms   by javac {float(bare):8.2f} ms   ratio {ratios[what]:.3f}")
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    worst = max(ratios.values())
    print(f"worst ratio {worst:.3f} (goal at most 1.05)")
    if options.record:
        record.row("kernel.interrupt.cost", "tight numeric loops in a cell beside the same without polling, worst of four medians",
                   round(worst, 3), 1.0, "ratio", round(worst, 3), "<=1.05", "python bench/kernel_interrupt.py")


if __name__ == "__main__":
    main()
