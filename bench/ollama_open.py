"""A model that Ollama stored, from its name to the first token of an answer: Tunebook opens the GGUF blob by the model's name, once with
its matrices left in their blocks (LoadOptions.quantized()) and once expanded (CausalLM.load); transformers is given the same file as
gguf_file. Each runs in a process of its own with the two first cores, all compute in float32. Reported are the seconds from the start of
the process and its highest memory (resident, by the kernel's count, mapped files included); the files have been read once before, so
that all find them in the page cache.

    python bench/ollama_open.py --model FILE.gguf [--record] [--rounds 3]
"""

import argparse
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import record

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = "python bench/ollama_open.py --model $TUNEBOOK_DEFAULT_MODEL --record"
NAME = "bench:latest"
PROMPT = "The capital of France is"


def store(folder: pathlib.Path, model: pathlib.Path) -> pathlib.Path:
    """Lays the file out as Ollama does; returns the blob."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    blob = folder / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True)
    try:
        os.link(model, blob)
    except OSError:
        blob.write_bytes(model.read_bytes())
    manifest = folder / "manifests/registry.ollama.ai/library/bench/latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": blob.stat().st_size}]}))
    return blob


def measure(command: list[str]) -> tuple[float, float, str]:
    """Seconds, MiB at the highest, and what was printed last."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{command} failed with status {status}")
    return seconds, usage.ru_maxrss / 1024, out.split()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    library = ROOT / "src/target"
    path = os.pathsep.join(map(str, (ROOT / "bench/target/classes", library / "tunebook-0.1.0.jar", library / "lib/*", ROOT / "kernel/target/tunebook-kernel.jar")))
    with tempfile.TemporaryDirectory(dir=options.model.resolve().parent) as folder:
        folder = pathlib.Path(folder)
        blob = store(folder, options.model)
        # transformers opens only files whose name ends in .gguf.
        (folder / "theirs").mkdir()
        os.link(blob, folder / "theirs/model.gguf")
        program = f"""
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(folder / "theirs")!r}, gguf_file="model.gguf")
model = AutoModelForCausalLM.from_pretrained({str(folder / "theirs")!r}, gguf_file="model.gguf")
ids = tokenizer({PROMPT!r}, return_tensors="pt")
print(model.generate(**ids, max_new_tokens=1, do_sample=False)[0, -1].item())
"""
        java = ["java", "-cp", path, "io.tunebook.bench.OllamaOpen", str(folder), NAME, PROMPT]
        commands = {
            "in blocks": [*java, "blocks"],
            "expanded": [*java, "floats"],
            "transformers": [sys.executable, "-c", program],
        }
        results = {}
        for name, command in commands.items():
            results[name] = [measure(command) for _ in range(options.rounds)]
            for seconds, memory, token in results[name]:
                print(f"{name}: {seconds:.2f} s, {memory:.0f} MiB, first token {token}")
    if len({r[2] for rounds in results.values() for r in rounds}) > 1:
        print("the first tokens differ")
    t2, m2 = (statistics.median(r[i] for r in results["transformers"]) for i in (0, 1))
    for name, row, how in (("in blocks", "ollama.open", "LoadOptions.quantized()"), ("expanded", "ollama.open.expanded", "by default")):
        t, m = (statistics.median(r[i] for r in results[name]) for i in (0, 1))
        print(f"{name}: {t:.2f} s, {t2 / t:.2f} times faster; {m:.0f} MiB, ratio {m / m2:.3f}")
        if options.record:
            work = f"a stored model (SmolLM2-135M, Q4_1) by CausalLM.load, {how}, "
            record.row(f"{row}.speed", work + "process start to first token", round(t, 2), round(t2, 2), "s", round(t2 / t, 2),
                       ">=5", COMMAND)
            record.row(f"{row}.memory", work + "highest resident memory", round(m), round(m2), "MiB", round(m / m2, 3), "<=0.33",
                       COMMAND)


if __name__ == "__main__":
    main()
