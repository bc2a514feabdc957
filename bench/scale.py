"""Preparing a corpus on two cores beside datatrove: documents in WuDao's form with known duplicates, made here; documents a second of every step and the
peak memory of either side; precision and recall of the near duplicates. Then the same as a job of Spark with one and with two executors of one core.

    python bench/scale.py --model smollm2.gguf --datatrove PYTHON [--megabytes 2000] [--peer-megabytes 80] [--spark-megabytes 600]
                          [--record] [--folder DIR] [--java JAVA] [--spark-jars FOLDER]

PYTHON is one with datatrove[processing,io], spacy and jieba. The one that runs this needs transformers and gguf, or gives a folder with
tokenizer.json as the model. All that is measured is pinned to the first two cores of those that this process has.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import record
import training

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = "python bench/scale.py --model $TUNEBOOK_DEFAULT_MODEL --datatrove $DATATROVE_PYTHON --megabytes {} --peer-megabytes {} --spark-megabytes {} --record"
SHARD = 40  # MB of input for each shard: two of them are in memory at a time
OURS = ["-Xmx320m", "-XX:+UseParallelGC"]
OPENS = [f"--add-opens=java.base/{p}=ALL-UNNAMED" for p in (
    "java.lang", "java.lang.invoke", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
    "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar")]


class Watch:
    """The largest proportional set size of a process and its children, in GB (resident size where the kernel tells no other), and their seconds on a core."""

    def __init__(self, pid):
        self.pid, self.peak, self.ticks, self.running = pid, 0.0, {}, True
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def tree(self):
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append((int(stat.parent.name), int(fields[11]) + int(fields[12])))
            except (OSError, IndexError):
                continue
        found, todo = {}, [pair for pairs in parents.values() for pair in pairs if pair[0] == self.pid]
        while todo:
            one, ticks = todo.pop()
            found[one] = ticks
            todo += parents.get(one, [])
        return found

    @staticmethod
    def size(pid):
        for name, field in (("smaps_rollup", "Pss:"), ("smaps", "Pss:"), ("status", "VmRSS:")):
            try:
                found = [int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/{name}").read_text().splitlines() if line.startswith(field)]
                if found:
                    return sum(found)
            except (OSError, ValueError):
                continue
        return 0

    def watch(self):
        while self.running:
            now = self.tree()
            self.ticks |= now
            self.peak = max(self.peak, sum(map(self.size, now)) / 1e6)
            time.sleep(0.1)

    def taken(self):
        """The peak and the seconds since the last call."""
        taken = self.peak, sum(self.ticks.values()) / os.sysconf("SC_CLK_TCK")
        self.peak = 0.0
        return taken

    def stop(self):
        self.running = False
        self.thread.join()
        return self.taken()


def run(command, env=None):
    """Lines of the output with the peak memory up to each of them; seconds; seconds on a core; peak memory."""
    start, lines, taken = time.time(), [], []
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True,
                                   env=os.environ | training.KERNEL_ENVIRONMENT | dict(TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1") | (env or {}))
        watch = Watch(process.pid)
        for line in process.stdout:
            lines.append(line.rstrip())
            taken.append(watch.taken())
        status = process.wait()
        took = time.time() - start
        taken.append(watch.stop())
        if status != 0:
            errors.seek(0)
            sys.exit(f"{command[:3]} failed:\n" + "\n".join(lines)[-2000:] + errors.read()[-4000:])
    return [(line, peak) for line, (peak, _) in zip(lines, taken)], took, taken[-1][1], max(peak for peak, _ in taken)


PEER = r'''
import json, re, sys, time, unicodedata
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer, DocumentTokenizerMerger
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.word_tokenizers import WordTokenizer

data, out, tokenizer = sys.argv[1:]
config = MinhashConfig(n_grams=5, num_buckets=11, hashes_per_bucket=11, hash_config=HashConfig(precision=64))
TASKS = 2

class Characters(WordTokenizer):
    def word_tokenize(self, text):
        return re.findall(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+", text)
    def sent_tokenize(self, text):
        raise NotImplementedError
    def span_tokenize(self, text):
        raise NotImplementedError

def keep(document):
    document.text = unicodedata.normalize("NFC", document.text).strip()
    return 20 <= len(document.text) <= 100000

def signatures(folder, words):
    return TASKS, [JsonlReader(out + "/clean"), MinhashDedupSignature(output_folder=out + folder, config=config, language=words)]

def steps():
    yield "read and clean", TASKS, [JsonlReader(data), LambdaFilter(keep), JsonlWriter(out + "/clean")]
    yield "signatures", *signatures("/sig", Characters())
    yield "buckets", config.num_buckets, [MinhashDedupBuckets(input_folder=out + "/sig", output_folder=out + "/buckets", config=config)]
    yield "cluster", 1, [MinhashDedupCluster(input_folder=out + "/buckets", output_folder=out + "/remove", config=config)]
    yield "filter and tokenize", TASKS, [JsonlReader(out + "/clean"), MinhashDedupFilter(input_folder=out + "/remove"),
                                         DocumentTokenizer(output_folder=out + "/tokens", tokenizer_name_or_path=tokenizer, eos_token="<|im_end|>",
                                                           local_working_dir=out + "/local", shuffle_documents=True)]
    yield "merge", 1, [DocumentTokenizerMerger(input_folder=out + "/tokens", output_folder=out + "/shards", save_filename="train", shuffle=True)]
    yield "signatures by jieba", *signatures("/sig-jieba", "cmn_Hani")

if __name__ == "__main__":
    for name, tasks, pipeline in steps():
        start = time.time()
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=2, logging_dir=out + "/logs/" + name.replace(" ", "-")).run()
        print(json.dumps(dict(step=name, seconds=time.time() - start)), flush=True)
'''


def tokenizer(model, folder):
    """The model's tokenizer as both sides read it."""
    sys.path.insert(0, str(ROOT / "bench/reference"))
    from tokenizer_golden import smollm2
    folder.mkdir()
    smollm2(model).backend_tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(eos_token="<|im_end|>")))


def make(java, *arguments):
    out = subprocess.run([java, "-cp", training.classpath(), "io.tunebook.bench.ScaleCorpus", *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def datatrove(given, folder):
    documents = make(given.java, folder / "small", given.peer_megabytes, 2)["documents"]
    (folder / "peer.py").write_text(PEER)
    lines, took, cpu, _ = run([given.datatrove, str(folder / "peer.py"), str(folder / "small"), str(folder / "peer"), str(folder / "tokenizer/tokenizer.json")])
    memory, jieba, words = 0.0, 0.0, 0.0
    for line, peak in lines:
        step = json.loads(line)
        print(f"datatrove: {step['step']}: {documents / step['seconds']:,.0f} documents/s, {peak:.2f} GB", flush=True)
        if step["step"] == "signatures by jieba":
            jieba = step["seconds"]
        else:
            memory = max(memory, peak)
            words = step["seconds"] if step["step"] == "signatures" else words
    rate, by_jieba = documents / (took - jieba), documents / (took - words)
    print(f"datatrove: all: {rate:,.0f} documents/s of {documents:,}, {memory:.2f} GB; with Chinese cut into words by jieba {by_jieba:,.0f} documents/s"
          f"; {cpu:.0f} s on a core for both", flush=True)
    return rate, by_jieba, memory


def tunebook(given, folder, large):
    shards = max(1, given.megabytes // SHARD)
    java = [given.java, *OURS, "-cp", training.classpath(), "io.tunebook.bench.ScalePrepare"]
    lines, took, cpu, memory = run([*java, str(folder / "large"), str(folder / "tokenizer"), str(folder / "ours"), str(shards)])
    for line, peak in lines:
        print(f"{line}, {peak:.2f} GB" if line.startswith("Tunebook:") else line)
    rate = large["documents"] / took
    print(f"Tunebook: all, with the JVM's start: {rate:,.0f} documents/s of {large['documents']:,}, {memory:.2f} GB; {cpu:.0f} s on a core")
    manifest = json.loads((folder / "ours/manifest.json").read_text("utf-8"))
    removed = {s["step"].split(",")[0]: s["removed"] for s in manifest["steps"]}
    print(f"planted {large['exact']:,} exact, found {removed['exact duplicates']:,}; planted {large['near']:,} near, found {removed['near duplicates']:,}")
    shutil.rmtree(folder / "ours")
    print(run([*java, str(folder / "large"), str(folder / "tokenizer")])[0][0][0], flush=True)
    return rate, memory


def spark(given, folder):
    documents = make(given.java, folder / "middle", given.spark_megabytes)["documents"]
    jars = pathlib.Path(given.spark_jars).resolve() if given.spark_jars else ROOT / "spark/target/lib"
    home = folder / "spark-home"
    (home / "jars").mkdir(parents=True)
    for jar in [*jars.glob("*.jar"), *(ROOT / "spark/target").glob("tunebook-spark-*.jar")]:
        (home / "jars" / jar.name).symlink_to(jar)
    rates, manifests = [], []
    for executors in (1, 2):
        _, took, cpu, memory = run(
            [given.java, "-Xmx512m", *OPENS, f"-Dspark.master=local-cluster[{executors},1,1024]", "-Dspark.ui.enabled=false", "-Dspark.driver.host=127.0.0.1",
             "-Dspark.driver.bindAddress=127.0.0.1", "-Dspark.executor.memory=1g", "-Dspark.executor.cores=1", "-Dspark.deploy.maxExecutorRetries=3",
             "-cp", str(home / "jars/*"), "io.tunebook.spark.PrepareJob", str(folder / "middle"), str(folder / "tokenizer"),
             str(folder / "spark"), "--length", "20,100000", "--shards", str(max(1, given.spark_megabytes // SHARD))],
            dict(SPARK_HOME=str(home), SPARK_LOCAL_IP="127.0.0.1", SPARK_SCALA_VERSION="2.13", JAVA_HOME=str(pathlib.Path(shutil.which(given.java)).resolve().parents[1])))
        manifests.append((folder / "spark/manifest.json").read_bytes())
        shutil.rmtree(folder / "spark")
        rates.append(documents / took)
        print(f"Spark, {executors} executor(s): {rates[-1]:,.0f} documents/s of {documents:,} with Spark's start, {memory:.2f} GB with the driver; {cpu:.0f} s on a core", flush=True)
    print("the same manifest" if manifests[0] == manifests[1] else "ANOTHER MANIFEST")
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--datatrove", required=True)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--peer-megabytes", type=int, default=80)
    parser.add_argument("--spark-megabytes", type=int, default=600)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--java", default="java")
    parser.add_argument("--spark-jars")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = pathlib.Path(temporary)
        if pathlib.Path(given.model).is_dir():
            shutil.copytree(given.model, folder / "tokenizer")
        else:
            tokenizer(given.model, folder / "tokenizer")
        large = make(given.java, folder / "large", given.megabytes)
        print(f"{large['documents']:,} documents, {given.megabytes:,} MB, {large['exact']:,} exact copies, {large['near']:,} near ones", flush=True)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
        rate, memory = tunebook(given, folder, large)
        shutil.rmtree(folder / "large")
        theirs, by_jieba, their_memory = datatrove(given, folder)
        command = COMMAND.format(given.megabytes, given.peer_megabytes, given.spark_megabytes)
        work = f"{given.megabytes} MB of WuDao-like JSON with a fifth of duplicates to shards of tokens, two cores, beside datatrove on {given.peer_megabytes} MB"
        training.report(given.record, "data.prepare", work, rate, theirs, "documents/s", ">=2.0", command)
        training.report(given.record, "data.prepare.jieba", work + " that cuts Chinese into words by jieba", rate, by_jieba, "documents/s", ">=2.0", command)
        training.report(given.record, "data.prepare.memory", work + ", peak memory of all processes", memory, their_memory, "GB", "<=0.5", command)
        for executors, spark_rate in enumerate(spark(given, folder) if given.spark_megabytes else [], 1):
            work = f"{given.spark_megabytes} MB by Spark with {executors} executor(s) of one core, beside the path without Spark on two"
            goal = ">=0.5" if executors == 2 else ">=0.25"
            training.report(given.record, f"data.prepare.spark{executors}", work, spark_rate, rate, "documents/s", goal, command)


if __name__ == "__main__":
    main()
