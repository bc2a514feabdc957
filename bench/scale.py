"""Preparing a corpus on two cores beside datatrove: documents in WuDao's form with known duplicates, made here; documents a second of every step and the
peak memory of either side; precision and recall of the near duplicates. With --spark the same as a job with one and with two cores.

    python bench/scale.py --model smollm2.gguf --datatrove PYTHON [--megabytes 2000] [--peer-megabytes 40] [--spark] [--record] [--folder DIR]

PYTHON is one with datatrove[processing,io], spacy and jieba. The one that runs this needs transformers and gguf. Our side has a heap of 1 GB.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import record
import training

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = "python bench/scale.py --model $TUNEBOOK_DEFAULT_MODEL --datatrove $DATATROVE_PYTHON --megabytes {} --peer-megabytes {} --record"
SHARE = 0.1  # of exact copies, and of near ones as well
CHANGED = 0.01  # of the words of a near copy
HEAP = "-Xmx1g"
OPENS = [f"--add-opens=java.base/{p}=ALL-UNNAMED" for p in (
    "java.lang", "java.lang.invoke", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
    "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")]


def make(folder, megabytes, lines=False):
    """JSON arrays of 64 MB, or JSON lines; returns the number of documents, of exact copies and of near ones."""
    rnd = random.Random(1)
    characters = [chr(c) for c in range(0x4E00, 0x4E00 + 3500)]
    words = ["".join(rnd.choices(characters, weights=[1 / (i + 10) for i in range(3500)], k=rnd.choice([1, 2, 2, 2, 3, 4]))) for _ in range(20_000)]
    weights = []
    for i in range(len(words)):
        weights.append((weights[-1] if weights else 0) + 1 / (i + 20))
    written, part, identity, exact, near, recent = 0, 0, 0, 0, 0, []
    while written < megabytes * 1_000_000:
        path = folder / f"part-{part:06}.{'jsonl' if lines else 'json'}"
        part, size = part + 1, 0
        with path.open("w", encoding="utf-8") as out:
            out.write("" if lines else "[")
            while size < 64_000_000 and written + size < megabytes * 1_000_000:
                draw = rnd.random()
                if recent and draw < SHARE:
                    text, exact = rnd.choice(recent), exact + 1
                elif recent and draw < 2 * SHARE:
                    text = list(rnd.choice(recent))
                    for at in rnd.sample(range(len(text)), max(1, int(len(text) * CHANGED))):
                        text[at] = words[rnd.randrange(len(words))]
                    near += 1
                else:
                    text = rnd.choices(words, cum_weights=weights, k=min(1900, int(rnd.lognormvariate(5.6, 0.6)) + 40))
                    text = [w + "。\n" if i % 23 == 22 else w for i, w in enumerate(text)]
                    if len(recent) < 1000:
                        recent.append(text)
                    else:
                        recent[rnd.randrange(1000)] = text
                identity += 1
                row = json.dumps({"id": identity, "uniqueKey": f"{identity:032x}", "titleUkey": f"{identity:032x}", "dataType": "百科",
                                  "title": "".join(text[:6]).replace("\n", ""), ("text" if lines else "content"): "".join(text)}, ensure_ascii=False)
                out.write(("" if size == 0 or lines else ",\n") + row + ("\n" if lines else ""))
                size += len(row.encode())
            out.write("" if lines else "]")
        written += size
    return identity, exact, near


class Memory:
    """The largest proportional set size of a process and its children, in GB."""

    def __init__(self, pid):
        self.pid, self.peak, self.running = pid, 0.0, True
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def tree(self):
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
            except (OSError, IndexError):
                continue
        found, todo = [], [self.pid]
        while todo:
            one = todo.pop()
            found.append(one)
            todo += parents.get(one, [])
        return found

    def watch(self):
        while self.running:
            total = 0
            for pid in self.tree():
                try:
                    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                        total += int(line.split()[1]) if line.startswith("Pss:") else 0
                except (OSError, ValueError):
                    continue
            self.peak = max(self.peak, total / 1e6)
            time.sleep(0.3)

    def stop(self):
        self.running = False
        self.thread.join()
        return self.peak


def run(command):
    """Output, seconds and peak memory."""
    start = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | training.KERNEL_ENVIRONMENT | dict(TOKENIZERS_PARALLELISM="false"))
    memory = Memory(process.pid)
    out = process.stdout.read()
    status = process.wait()
    peak = memory.stop()
    if status != 0:
        sys.exit(f"{command[:3]} failed:\n{out[-2000:]}")
    return out, time.time() - start, peak


PEER = r'''
import sys, unicodedata
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer, DocumentTokenizerMerger
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig

step, data, out, tokenizer = sys.argv[1:]
config = MinhashConfig(n_grams=5, num_buckets=11, hashes_per_bucket=11, hash_config=HashConfig(precision=64))
TASKS = 2

def keep(document):
    document.text = unicodedata.normalize("NFC", document.text).strip()
    return 20 <= len(document.text) <= 100000

steps = {
    "read and clean": lambda: (TASKS, [JsonlReader(data), LambdaFilter(keep), JsonlWriter(out + "/clean")]),
    "signatures": lambda: (TASKS, [JsonlReader(out + "/clean"), MinhashDedupSignature(output_folder=out + "/sig", config=config, language="cmn_Hani")]),
    "buckets": lambda: (config.num_buckets, [MinhashDedupBuckets(input_folder=out + "/sig", output_folder=out + "/buckets", config=config)]),
    "cluster": lambda: (1, [MinhashDedupCluster(input_folder=out + "/buckets", output_folder=out + "/remove", config=config)]),
    "filter and tokenize": lambda: (TASKS, [JsonlReader(out + "/clean"), MinhashDedupFilter(input_folder=out + "/remove"),
                                    DocumentTokenizer(output_folder=out + "/tokens", tokenizer_name_or_path=tokenizer, eos_token="<|im_end|>",
                                                      local_working_dir=out + "/local", shuffle_documents=True)]),
    "merge": lambda: (1, [DocumentTokenizerMerger(input_folder=out + "/tokens", output_folder=out + "/shards", save_filename="train", shuffle=True)]),
}
tasks, pipeline = steps[step]()
if __name__ == "__main__":
    LocalPipelineExecutor(pipeline, tasks=tasks, workers=2, logging_dir=out + "/logs/" + step.replace(" ", "-")).run()
'''
STEPS = ("read and clean", "signatures", "buckets", "cluster", "filter and tokenize", "merge")


def tokenizer_json(model, path):
    sys.path.insert(0, str(ROOT / "bench/reference"))
    from tokenizer_golden import smollm2
    smollm2(model).backend_tokenizer.save(str(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--datatrove", required=True)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--peer-megabytes", type=int, default=40)
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--folder")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = pathlib.Path(temporary)
        for name in ("small", "large"):
            (folder / name).mkdir()
        small, _, _ = make(folder / "small", given.peer_megabytes, lines=True)
        # two files, one a task
        lines = sorted((folder / "small").iterdir())[0].read_text("utf-8").splitlines(True)
        for i in range(2):
            (folder / "small" / f"half-{i}.jsonl").write_text("".join(lines[i::2]), "utf-8")
        (folder / "small" / "part-000000.jsonl").unlink()
        documents, exact, near = make(folder / "large", given.megabytes)
        print(f"{documents:,} documents, {given.megabytes:,} MB, {exact:,} exact copies, {near:,} near ones")
        tokenizer_json(given.model, folder / "tokenizer.json")
        (folder / "peer.py").write_text(PEER)
        seconds, memory = 0.0, 0.0
        for step in STEPS:
            _, took, peak = run([given.datatrove, str(folder / "peer.py"), step, str(folder / "small"), str(folder / "peer"), str(folder / "tokenizer.json")])
            print(f"datatrove: {step}: {small / took:,.0f} documents/s, {peak:.2f} GB")
            seconds, memory = seconds + took, max(memory, peak)
        theirs = small / seconds
        print(f"datatrove: all: {theirs:,.0f} documents/s of {small:,}, {memory:.2f} GB")
        out, took, peak = run(["java", HEAP, "-cp", training.classpath(), "io.tunebook.bench.ScalePrepare", str(folder / "large"), given.model,
                               str(folder / "ours")])
        print(out, end="")
        ours = documents / took
        print(f"Tunebook: all, with the JVM's start: {ours:,.0f} documents/s, {peak:.2f} GB")
        manifest = json.loads((folder / "ours/manifest.json").read_text("utf-8"))
        removed = {s["step"].split(",")[0]: s["removed"] for s in manifest["steps"]}
        print(f"planted {exact:,} exact, found {removed['exact duplicates']:,}; planted {near:,} near, found {removed['near duplicates']:,}")
        out, _, _ = run(["java", HEAP, "-cp", training.classpath(), "io.tunebook.bench.ScalePrepare", str(folder / "large"), given.model, "-", "check"])
        print(out, end="")
        command = COMMAND.format(given.megabytes, given.peer_megabytes)
        if given.record:
            work = f"{given.megabytes} MB of WuDao-like JSON with a fifth of duplicates to shards of tokens, two cores"
            record.row("data.prepare", work + f", beside datatrove on {given.peer_megabytes} MB", round(ours), round(theirs), "documents/s", round(ours / theirs, 2), ">=2.0", command)
            record.row("data.prepare.memory", work + ", peak memory of all processes", round(peak, 2), round(memory, 2), "GB", round(peak / memory, 2), "<=0.5", command)
        if given.spark:
            jars = os.pathsep.join([str(ROOT / "spark/target/tunebook-spark-0.1.0.jar"), str(ROOT / "spark/target/lib/*")])
            for cores in (1, 2):
                shutil.rmtree(folder / "spark", ignore_errors=True)
                _, took, peak = run(["java", "-Xmx2g", *OPENS, f"-Dspark.master=local[{cores}]", "-Dspark.ui.enabled=false", "-Dspark.driver.host=127.0.0.1",
                                     "-cp", jars, "io.tunebook.spark.PrepareJob", str(folder / "large"), given.model, str(folder / "spark"),
                                     "--length", "20,100000"])
                same = (folder / "spark/manifest.json").read_bytes() == (folder / "ours/manifest.json").read_bytes()
                print(f"Spark, {cores} core(s): {documents / took:,.0f} documents/s, {peak:.2f} GB, {'the same manifest' if same else 'ANOTHER MANIFEST'}")
                if given.record:
                    record.row(f"data.prepare.spark{cores}", f"{given.megabytes} MB of WuDao-like JSON by Spark, local[{cores}], beside the path without it on two cores",
                               round(documents / took), round(ours), "documents/s", round(documents / took / ours, 2), ">=0.5" if cores == 2 else ">=0.25", command + " --spark")


if __name__ == "__main__":
    main()
