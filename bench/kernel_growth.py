"""What a long session costs: cells that each declare a variable and a method and call it, the 100th beside the 10th, and an import after 120 of them.
Tunebook and JJava in turns on this machine, each in fresh kernels.

    python bench/kernel_growth.py [--record]

Needs jupyter_client, and jjava from PyPI in the same Python; the kernel's jar must have been built (mvn package -pl kernel).
"""

import argparse
import os
import statistics
import tempfile

import record
from kernel_roundtrip import install, peer_folders, run, start

ROUNDS, CELLS = 3, 120
EARLY, LATE = range(8, 13), range(98, 103)  # five cells around the 10th and the 100th


def session(name, folders):
    """Milliseconds of the cells by their numbers, from 1, and of the import."""
    manager, client = start(name, folders)
    try:
        times = [0.0]
        for i in range(1, CELLS + 1):
            seconds, text = run(client, f"int v{i} = {i};\nint f{i}(int x) {{ return x + v{i}; }}\nf{i}(1)")
            assert text == str(i + 1), text
            times.append(seconds * 1000)
        seconds, text = run(client, "import java.util.zip.*;\nnew CRC32().getValue() + v7")
        if text != "7":
            print(f"{name}: v7 was 7 and is {int(text)} after the import")
        return times, seconds * 1000
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEBOOK_HISTORY"] = os.path.join(folder, "history.jsonl")
        specs = {"tunebook": [install(folder)], "java": peer_folders()}
        sessions = {name: [] for name in specs}
        for _ in range(ROUNDS):
            for name, folders in specs.items():
                sessions[name].append(session(name, folders))
    early, late, imports = {}, {}, {}
    for name, all in sessions.items():
        early[name] = statistics.median(times[i] for times, _ in all for i in EARLY)
        late[name] = statistics.median(times[i] for times, _ in all for i in LATE)
        imports[name] = statistics.median(milliseconds for _, milliseconds in all)
        print(f"{name:9} 10th cell {early[name]:6.1f} ms   100th {late[name]:6.1f} ms   ratio {late[name] / early[name]:.2f} (goal 1.3)   "
              f"import after {CELLS} cells {imports[name]:6.0f} ms")
    if options.record:
        command = "python bench/kernel_growth.py"
        record.row("kernel.growth", "the 100th declaring cell beside the 10th, medians of 15", round(late["tunebook"] / early["tunebook"], 2),
                   round(late["java"] / early["java"], 2), "ratio", round(late["tunebook"] / early["tunebook"], 2), "<=1.3", command)
        record.row("kernel.import", f"an import and a result after {CELLS} declaring cells, median of {ROUNDS}", round(imports["tunebook"]),
                   round(imports["java"]), "ms", round(imports["tunebook"] / imports["java"], 3), "<=1", command)


if __name__ == "__main__":
    main()
