"""A greedy answer of 64 tokens by SmolLM2-135M on two CPU cores, against Transformers' generate on the same weights: seconds of the best of four answers
in a warm process. The peer runs in float32 and in bfloat16; the faster one counts.

    python bench/train_generate.py --model smollm2.gguf [--record] [--cores 0,1]
"""

import argparse
import json
import sys
import time

import training

COMMAND = "python bench/train_generate.py --model $TUNEBOOK_DEFAULT_MODEL --record"
PROMPT = [1, 4093, 198, 11060, 253, 1890, 2063, 563, 253, 2526, 282, 260, 905, 30, 2, 198, 1, 520, 9531, 198]
TOKENS = 64


def run_peer(model_file: str, precision: str) -> None:
    import os
    import pathlib

    import torch
    import transformers
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    path = pathlib.Path(model_file)
    model = transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=getattr(torch, precision))
    ids = torch.tensor([PROMPT])
    best = 1e9
    for _ in range(4):
        start = time.time()
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False)
        best = min(best, time.time() - start)
    written = out[0, len(PROMPT):].tolist()
    print(json.dumps(dict(seconds=best, tokens=len(written), ids=written, precision=precision)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    mine = training.ours("generate", options.model, TOKENS, *PROMPT, cores=options.cores)
    peers = [training.peer(__file__, options.model, p, cores=options.cores) for p in ("float32", "bfloat16")]
    best = max(peers, key=lambda p: p["tokens"] / p["seconds"])
    work = f"greedy answer, SmolLM2-135M, 2 CPU cores; Transformers' generate in {best['precision']}"
    training.report(options.record, "train.generate", work, mine["tokens"] / mine["seconds"], best["tokens"] / best["seconds"], "tokens/s", ">=1.5", COMMAND)


if __name__ == "__main__":
    run_peer(*sys.argv[2:]) if sys.argv[1:2] == ["peer"] else main()
