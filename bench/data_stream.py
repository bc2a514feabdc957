#!/usr/bin/env python3
"""Streams a WuDao-like folder of JSON arrays: Tunebook's Corpus in a heap of 64 MB beside Python's json, file by file,
and `datasets` in streaming mode. Then 20 GB through Tunebook alone, watching how much memory the process takes.

    python bench/data_stream.py [--record] [--gigabytes 5] [--large 20]

Needs `mvn package` and the package `datasets`. Every peer gives each document's text to the same loop. The folder is
made of hard links to five different files, so that 20 GB take half a gigabyte of disk; all are read from the page cache.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import record

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_BYTES = 100_000_000
DIFFERENT = 5
HEAP = "-Xmx64m"


def make(folder, gigabytes):
    """Documents as long as those of WuDaoCorpora 2.0 (some 1,000 characters), shuffled from the tutorial's sentences."""
    documents = []
    for part in sorted((ROOT / "notebooks/data/wudao").glob("part-*.json")):
        documents += json.loads(part.read_text("utf-8"))
    sentences = [s + "。" for d in documents for s in d["content"].replace("\n", "。").split("。") if s]
    random.seed(6)
    distinct = []
    for number in range(DIFFERENT):
        path = folder.parent / f"distinct-{number}.json"
        with open(path, "w", encoding="utf-8") as out:
            out.write("[\n")
            written = 0
            count = 0
            while written < FILE_BYTES:
                content = "".join(random.choices(sentences, k=random.randint(2, 60)))
                key = f"{random.getrandbits(128):032x}"
                text = json.dumps({"id": number * 1_000_000 + count, "uniqueKey": key, "titleUkey": key, "dataType": "百科",
                                   "title": content[:20], "content": content}, ensure_ascii=False)
                out.write((",\n" if count else "") + text)
                written += len(text.encode("utf-8"))
                count += 1
            out.write("\n]\n")
        distinct.append(path)
    folder.mkdir()
    total = 0
    number = 0
    while total < gigabytes * 1e9:
        target = folder / f"part-{number:06d}.json"
        os.link(distinct[number % DIFFERENT], target)
        total += target.stat().st_size
        number += 1
    return total


def tunebook(folder, threads, heap=HEAP):
    """Documents, characters, seconds and the process's largest resident memory in bytes."""
    java = str(pathlib.Path(os.environ["JAVA_HOME"]) / "bin/java") if "JAVA_HOME" in os.environ else "java"
    paths = [ROOT / "bench/target/classes", ROOT / "src/target/tunebook-0.1.0.jar", ROOT / "src/target/lib/*", ROOT / "kernel/target/tunebook-kernel.jar"]
    process = subprocess.Popen(
        [java, heap, "-cp", os.pathsep.join(map(str, paths)), "io.tunebook.bench.DataStream", str(folder), str(threads)],
        stdout=subprocess.PIPE, text=True)
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("Tunebook failed")
    documents, characters, seconds, _ = answer.split()
    return int(documents), int(characters), float(seconds), usage.ru_maxrss * 1024


PEER = {
    "json": """
import json, pathlib, sys, time
start = time.perf_counter(); documents = characters = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    with open(path, encoding="utf-8") as file:
        for document in json.load(file):
            documents += 1; characters += len(document["content"])
print(documents, characters, time.perf_counter() - start)
""",
    "datasets": """
import sys, time
import datasets
start = time.perf_counter(); documents = characters = 0
for document in datasets.load_dataset("json", data_files=sys.argv[1] + "/*.json", split="train", streaming=True):
    documents += 1; characters += len(document["content"])
print(documents, characters, time.perf_counter() - start)
""",
}


def peer(name, folder):
    process = subprocess.Popen([sys.executable, "-c", PEER[name], str(folder)], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "HF_HUB_OFFLINE": "1"})
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{name} failed")
    documents, characters, seconds = answer.split()
    return int(documents), int(characters), float(seconds), usage.ru_maxrss * 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("--gigabytes", type=float, default=5)
    arguments.add_argument("--large", type=float, default=20)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "wudao"
        size = make(folder, options.gigabytes)
        figures = {}
        for name, run in [("Tunebook", lambda: tunebook(folder, 1)),
                          ("Tunebook, parallel", lambda: tunebook(folder, os.cpu_count())),
                          ("json", lambda: peer("json", folder)),
                          ("datasets", lambda: peer("datasets", folder))]:
            documents, characters, seconds, memory = run()
            figures[name] = documents / seconds
            print(f"{name:20} {documents:10,} documents {seconds:7.1f} s {documents / seconds:10,.0f} documents/s "
                  f"{size / 1e6 / seconds:6.0f} MB/s {memory / 1e6:6.0f} MB resident", flush=True)
            if len(set(figures.get("counts", []) + [documents])) > 1:
                sys.exit("not the same documents")
            figures["counts"] = [documents]
        for name in ("json", "datasets"):
            print(f"Tunebook / {name}: {figures['Tunebook'] / figures[name]:.2f}, "
                  f"parallel {figures['Tunebook, parallel'] / figures[name]:.2f}")
        large = pathlib.Path(temporary) / "large"
        large.mkdir()
        parts = sorted(folder.iterdir())
        total = 0
        while total < options.large * 1e9:
            number = len(os.listdir(large))
            os.link(parts[number % len(parts)], large / f"part-{number:06d}.json")
            total += parts[number % len(parts)].stat().st_size
        documents, _, seconds, memory = tunebook(large, os.cpu_count())
        print(f"{total / 1e9:.0f} GB: {documents:,} documents in {seconds:.0f} s, {memory / 1e9:.2f} GB resident")
        if options.record:
            work = f"{size / 1e9:.0f} GB of WuDao-like JSON arrays, one pass, one thread, heap of 64 MB"
            command = "python bench/data_stream.py --record"
            for name, goal in (("json", ">=1.0"), ("datasets", ">=3.0")):
                record.row(f"data.stream.{name}", work + f", beside Python's {name}", round(figures["Tunebook"]),
                           round(figures[name]), "documents/s", round(figures["Tunebook"] / figures[name], 2), goal, command)
            record.row("data.stream.memory", f"{total / 1e9:.0f} GB of input, all cores, largest resident memory of the process",
                       round(memory / 1e9, 2), 1.0, "GB", round(memory / 1e9, 2), "<=1.0", command)


if __name__ == "__main__":
    main()
