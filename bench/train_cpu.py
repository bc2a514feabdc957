"""LoRA on two CPU cores against PEFT on PyTorch's CPU build: SmolLM2-135M, 4x256 tokens a step, rank 16 on all linear modules; tokens a second with the
optimiser, and the peak resident memory of either process. Either side runs in float32 and in bfloat16 (the peer by autocast); the faster type of each counts
for speed, and its memory for memory. Which type Tunebook takes by itself is printed, and the row says which instructions the processor has.

    python bench/train_cpu.py --model smollm2.gguf [--record] [--cores 0,1]
"""

import argparse
import json
import sys
import time

import record
import training

COMMAND = "python bench/train_cpu.py --model $TUNEBOOK_DEFAULT_MODEL --record"
STEPS = 9
PATIENCE = 60  # seconds


def run_peer(model_file: str, precision: str) -> None:
    import os
    import pathlib

    import peft
    import torch
    import transformers
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    path = pathlib.Path(model_file)
    type = torch.float32 if precision == "float32" else torch.bfloat16
    config = transformers.AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name)
    torch.manual_seed(0)
    torch.set_default_dtype(type)
    model = transformers.LlamaForCausalLM._from_config(config, attn_implementation="sdpa")
    torch.set_default_dtype(torch.float32)
    model.config.use_cache = False
    model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, task_type="CAUSAL_LM", target_modules="all-linear"))
    model.train()
    factors = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(factors, lr=2e-4, weight_decay=0.0, fused=True)
    rates = []
    begun = time.time()
    for _ in range(STEPS):
        if rates and time.time() - begun > PATIENCE:  # a processor without this type's instructions: it will not be the faster one
            break
        ids = torch.randint(0, config.vocab_size, (4, 256))
        start = time.time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision != "float32"):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        rates.append(ids.numel() / (time.time() - start))
    rates = sorted(rates[4:] or rates)
    print(json.dumps(dict(tokens_per_second=rates[len(rates) // 2], best=rates[-1], loss=loss.item(), precision=precision)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    own = {p: training.ours("train", options.model, 4, 256, STEPS, "plain", "loaded", p, cores=options.cores) for p in ("fastest", "float32", "bfloat16")}
    mine = max(own.values(), key=lambda o: o["tokens_per_second"])
    chosen = own["fastest"]["precision"].lower()
    print("Tunebook takes " + chosen + "; tokens/s: " + ", ".join(f"{p} {o['tokens_per_second']:.0f}" for p, o in own.items()), flush=True)
    peers = [training.peer(__file__, options.model, p, cores=options.cores) for p in ("float32", "bfloat16")]
    best = max(peers, key=lambda p: p["tokens_per_second"])
    work = f"LoRA, SmolLM2-135M, 4x256 tokens a step, 2 CPU cores, in {mine['precision'].lower()}; PEFT in {best['precision']}"
    machine = record.machine() + ", " + record.flags()
    training.report(options.record, "train.cpu.4x256", work, mine["tokens_per_second"], best["tokens_per_second"], "tokens/s", ">=1.3", COMMAND, machine)
    training.report(options.record, "train.cpu.memory", work + ", peak memory", mine["mib"], best["mib"], "MiB", "<=0.7", COMMAND, machine)


if __name__ == "__main__":
    run_peer(*sys.argv[2:]) if sys.argv[1:2] == ["peer"] else main()
