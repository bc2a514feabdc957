"""Tokenises a folder like WuDao's (JSON arrays of Chinese documents) with SmolLM2's tokenizer on two cores: Tunebook
against Python's `tokenizers` in batches. First texts that are in memory already, then from disk to one file of tokens,
each document with an end of sequence and its end noted. Both must count the same tokens.

    python bench/data_tokenize.py [--record] [--megabytes 1000] [--rounds 1] [--folder DIR] SMOLLM2.gguf

Needs `mvn package`. The peer's batches hold 1000 documents, the best of 100, 1000 and 10000, and it may leave out places
(`encode_batch_fast`). Words and punctuation are drawn at random, so that few runs of letters come twice:
nothing is won here by remembering pieces. 200 MB of them are different, the rest are hard links to those.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import record

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = "python bench/data_tokenize.py --record --megabytes {} $TUNEBOOK_DEFAULT_MODEL"
HEAP = "-Xmx512m"
BATCH = 1000
IN_MEMORY = 30_000
DIFFERENT = 200_000_000


def make(folder: pathlib.Path, megabytes: int) -> None:
    """Documents of made-up Chinese words with Zipf's frequencies, some Latin words, digits and punctuation."""
    rnd = random.Random(1)
    characters = [chr(c) for c in range(0x4E00, 0x4E00 + 3500)]
    words = ["".join(rnd.choices(characters, weights=[1 / (i + 10) for i in range(3500)], k=rnd.choice([1, 2, 2, 2, 3, 4])))
             for _ in range(20_000)] + ["the", "model", "GPU", "Java", "2021", "3.14", "COVID", "www.example.com"] * 8
    rnd.shuffle(words)
    weights = [1 / (i + 3) for i in range(len(words))]
    pool = rnd.choices(words, weights=weights, k=400_000)
    identity, written, part = 0, 0, 0
    made: list[pathlib.Path] = []
    while written < megabytes * 1_000_000:
        path = folder / f"part-{part:06}.json"
        part += 1
        if written >= DIFFERENT:
            os.link(made[part % len(made)], path)
            written += path.stat().st_size
            continue
        documents = []
        for _ in range(5000):
            identity += 1
            at, length = rnd.randrange(len(pool) - 2000), min(1900, int(rnd.lognormvariate(5.2, 0.8)) + 10)
            text, sentence = [], 0
            for word in pool[at:at + length]:
                text.append(word)
                sentence += 1
                if sentence > 8 and rnd.random() < .12:
                    text.append(rnd.choice(["，", "。", "。\n", "、", "！"]))
                    sentence = 0
            documents.append({"id": identity, "uniqueKey": f"{identity:032x}", "titleUkey": f"{identity:032x}",
                              "dataType": rnd.choice(["百科", "新闻", "博客"]), "title": "".join(pool[at:at + 6]),
                              "content": "".join(text)})
        path.write_text(json.dumps(documents, ensure_ascii=False), "utf-8")
        made.append(path)
        written += path.stat().st_size


def peer(folder: str, out: str, model: str) -> None:
    import numpy as np
    sys.path.insert(0, str(ROOT / "bench/reference"))
    from tokenizer_golden import smollm2
    tokenizer = smollm2(model).backend_tokenizer
    eos = 2
    files = sorted(pathlib.Path(folder).glob("part-*.json"))
    texts = []
    for file in files:
        texts += [d["content"] for d in json.loads(file.read_text("utf-8"))]
        if len(texts) >= IN_MEMORY:
            break
    texts = texts[:IN_MEMORY]
    tokenizer.encode_batch(texts[:len(texts) // 20])
    for name, encode in (("tokenize", tokenizer.encode_batch), ("tokenize_fast", tokenizer.encode_batch_fast)):
        start, tokens = time.perf_counter(), 0
        for at in range(0, len(texts), BATCH):
            for encoding in encode(texts[at:at + BATCH]):
                tokens += len(encoding.ids)
        print(name, f"{time.perf_counter() - start:.4f}", tokens)
    start, end, ends = time.perf_counter(), 0, []
    with open(out, "wb") as stream:
        for file in files:
            documents = json.loads(file.read_text("utf-8"))
            for at in range(0, len(documents), BATCH):
                for encoding in tokenizer.encode_batch_fast([d["content"] for d in documents[at:at + BATCH]]):
                    ids = encoding.ids
                    ids.append(eos)
                    stream.write(np.asarray(ids, np.int32).tobytes())
                    end += len(ids)
                    ends.append(end)
        stream.write(np.asarray(ends, np.int64).tobytes())
    print("pack", f"{time.perf_counter() - start:.4f}", end)


def run(command: list[str]) -> tuple[dict[str, tuple[float, int]], float]:
    """What a side prints, name to seconds and tokens, and its largest resident memory in GB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed")
    return {name: (float(seconds), int(tokens)) for name, seconds, tokens in map(str.split, lines)}, usage.ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1, help="turn by turn; the best of each side counts")
    parser.add_argument("--folder", help="where the corpus goes; by default a temporary folder")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        parts = pathlib.Path(folder) / "parts"
        parts.mkdir()
        make(parts, options.megabytes)
        jars = os.pathsep.join(str(ROOT / p) for p in ("bench/target/classes", "src/target/tunebook-0.1.0.jar", "src/target/lib/*",
                                                       "kernel/target/tunebook-kernel.jar"))
        ours, theirs, memory = {}, {}, []
        for _ in range(options.rounds):
            for found, command in (
                    (ours, ["java", HEAP, "-cp", jars, "io.tunebook.bench.Tokenize", str(parts), folder + "/ours", options.model,
                            str(IN_MEMORY)]),
                    (theirs, [sys.executable, __file__, "peer", str(parts), folder + "/theirs", options.model])):
                printed, gigabytes = run(command)
                memory.append(gigabytes)
                for name, (seconds, tokens) in printed.items():
                    found[name] = min(found.get(name, (1e9, tokens)), (seconds, tokens))
    for name in ("tokenize", "pack"):
        other = min(theirs[name], theirs.get(name + "_fast", theirs[name]))
        assert ours[name][1] == other[1], f"{name}: {ours[name][1]} and {other[1]} tokens"
        mine, peers = ours[name][1] / ours[name][0] / 1e6, other[1] / other[0] / 1e6
        print(f"{name}: ours {mine:.2f}, tokenizers {peers:.2f} million tokens a second, ratio {mine / peers:.2f}")
        if options.record:
            what = {"tokenize": f"{IN_MEMORY:,} WuDao-like documents tokenised with SmolLM2's tokenizer, two cores",
                    "pack": f"{options.megabytes / 1000:g} GB of WuDao-like JSON on disk to one file of tokens, two cores"}[name]
            record.row("data." + name, what, round(mine, 3), round(peers, 3), "million tokens/s", round(mine / peers, 2),
                       {"tokenize": ">=1.0", "pack": ">=1.3"}[name], COMMAND.format(options.megabytes))
    print(f"largest resident memory: ours {max(memory[::2]):.2f}, tokenizers {max(memory[1::2]):.2f} GB")
    if options.record:
        record.row("data.pack.memory", f"{options.megabytes / 1000:g} GB of WuDao-like JSON on disk to one file of tokens, largest "
                   "resident memory", round(max(memory[::2]), 2), round(max(memory[1::2]), 2), "GB", round(max(memory[::2]), 2), "<=1.0",
                   COMMAND.format(options.megabytes))


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        peer(*sys.argv[2:])
    else:
        main()
