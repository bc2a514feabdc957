"""From a folder of safetensors to the first token on a CPU, against Transformers: a model of Qwen2-1.5B's shapes with random bfloat16 weights, a fresh
process each, seconds from its start, and its peak resident memory (mapped pages of the file count for both). Both compute in bfloat16 where the machine is
faster at it, else in float32. The file has been read once before.

    python bench/train_load.py [--record] [--cores 0,1] [--folder DIR]
"""

import argparse
import json
import pathlib
import sys
import tempfile

import training

COMMAND = "python bench/train_load.py --record"
PROMPT = [3, 5, 7, 9, 11, 13, 15, 2]


def run_peer(folder: str) -> None:
    import os

    import torch
    import transformers
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    ids = torch.tensor([PROMPT])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=1, do_sample=False)
    print(json.dumps(dict(token=int(out[0, -1]))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="tunebook-load"))
    if not (folder / "model.safetensors").exists():
        training.random_model(folder, training.QWEN_1_5B)
    with open(folder / "model.safetensors", "rb") as file:
        while file.read(1 << 24):
            pass
    mine = training.ours("load", folder, *PROMPT, cores=options.cores)
    their = training.peer(__file__, folder, cores=options.cores)
    work = "Qwen2-1.5B shapes, safetensors to the first token, CPU"
    training.report(options.record, "train.load.time", work + ", times as fast", 1 / mine["wall"], 1 / their["wall"], "1/s", ">=3", COMMAND)
    training.report(options.record, "train.load.memory", work + ", peak memory", mine["mib"], their["mib"], "MiB", "<=0.6", COMMAND)


if __name__ == "__main__":
    run_peer(sys.argv[2]) if sys.argv[1:2] == ["peer"] else main()
