"""From a folder of safetensors to the first token on a CPU, against Transformers: a model of Qwen2-1.5B's shapes with random bfloat16 weights, a fresh
process each, in turns, seconds from its start, and its peak resident memory (mapped pages of the file count for both); medians. The peer computes in bfloat16, ours in
float32 where the machine is faster at it. The file has been read once before.

    python bench/train_load.py [--record] [--cores 0,1] [--folder DIR] [--rounds 5]
"""

import argparse
import json
import pathlib
import statistics
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
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="tunebook-load"))
    if not (folder / "model.safetensors").exists():
        training.random_model(folder, training.QWEN_1_5B)
    with open(folder / "model.safetensors", "rb") as file:
        while file.read(1 << 24):
            pass
    runs = [(training.ours("load", folder, *PROMPT, cores=options.cores), training.peer(__file__, folder, cores=options.cores)) for _ in range(options.rounds)]
    mine, their = ({key: statistics.median(run[side][key] for run in runs) for key in ("wall", "mib")} for side in (0, 1))
    work = "Qwen2-1.5B shapes, safetensors to the first token, CPU"
    training.report(options.record, "train.load.time", work + ", times as fast", 1 / mine["wall"], 1 / their["wall"], "1/s", ">=3", COMMAND)
    training.report(options.record, "train.load.memory", work + ", peak memory", mine["mib"], their["mib"], "MiB", "<=0.6", COMMAND)


if __name__ == "__main__":
    run_peer(sys.argv[2]) if sys.argv[1:2] == ["peer"] else main()
