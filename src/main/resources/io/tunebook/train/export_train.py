"""Goes on with a LoRA adapter that Tunebook exported, on the same data, with PEFT. One process or many:

    python train.py
    torchrun --nproc_per_node 8 train.py
    accelerate launch --num_machines 4 --num_processes 32 … train.py

Needs torch, transformers, peft and accelerate. The trained adapter goes to the folder `trained`, which Tunebook loads.
Rows are shared out among the processes and gradients are summed, so that a step is the same whatever their number.
"""

import argparse
import json
import math
import pathlib

import accelerate
import numpy
import peft
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
IGNORED = -100
MULTIPLE = 8  # a batch is as long as its longest row, rounded up to this


def read(path):
    """A file of tokens: a header of 128 bytes, int32 ids (their complement where they do not count), int64 ends."""
    header = path.open("rb").read(128)
    if header[:8] != b"TUNETOK2":
        raise SystemExit(f"{path} is no file of tokens")
    examples, tokens = (int.from_bytes(header[at : at + 8], "little") for at in (8, 16))
    marked = numpy.memmap(path, numpy.dtype("<i4"), "r", 128, (tokens,))
    ends = numpy.fromfile(path, numpy.dtype("<i8"), offset=128 + 4 * tokens)
    assert len(ends) == examples
    starts = numpy.concatenate([[0], ends[:-1]])
    return [marked[a:b] for a, b in zip(starts, ends) if b > a]


def batch(rows, device):
    """Ids, mask and labels; a row's first token is never a label, since nothing comes before it."""
    width = -(-max(len(row) for row in rows) // MULTIPLE) * MULTIPLE
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for i, row in enumerate(rows):
        row = torch.from_numpy(numpy.array(row, dtype=numpy.int64))
        ids[i, : len(row)] = torch.where(row < 0, ~row, row)
        mask[i, : len(row)] = 1
        labels[i, 1 : len(row)] = torch.where(row < 0, IGNORED, row)[1:]
    return ids.to(device), mask.to(device), labels.to(device)


def counted(rows):
    return sum(int((row[1:] >= 0).sum()) for row in rows)


def factor(schedule, step, warmup, steps):
    if step < warmup:
        return step / warmup
    progress = min(1, (step - warmup) / max(1, steps - warmup))
    return {"CONSTANT": 1, "LINEAR": 1 - progress, "COSINE": 0.5 * (1 + math.cos(math.pi * progress))}[schedule]


def load(model, dtype):
    path = pathlib.Path(model)
    if path.suffix == ".gguf":
        return transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=dtype)
    return transformers.AutoModelForCausalLM.from_pretrained(model, dtype=dtype)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    arguments = json.loads((HERE / "arguments.json").read_text())
    parser.add_argument("--model", default=arguments["model"], help="a folder, a hub's name or a GGUF file")
    parser.add_argument("--steps", type=int, help="stop after so many")
    parser.add_argument("--dtype", default="float32", help="of the model's weights")
    parser.add_argument("--out", default=str(HERE / "trained"))
    given = parser.parse_args()

    accelerator = accelerate.Accelerator()
    torch.manual_seed(arguments["seed"])
    model = peft.PeftModel.from_pretrained(load(given.model, given.dtype), str(HERE), is_trainable=True)
    model.to(accelerator.device).train()
    factors = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        factors,
        lr=arguments["learningRate"],
        betas=(arguments["beta1"], arguments["beta2"]),
        eps=arguments["epsilon"],
        weight_decay=arguments["weightDecay"],
    )
    rows = read(HERE / "data.tokens")
    per_step = arguments["batchSize"] * arguments["microBatches"]
    per_epoch = math.ceil(len(rows) / per_step)
    whole = int(arguments["epochs"])
    planned = arguments["maxSteps"] or whole * per_epoch + math.ceil(per_epoch * (arguments["epochs"] - whole))
    warmup = math.ceil(arguments["warmup"] * planned)
    order = list(range(len(rows)))
    for step in range(min(planned, given.steps or planned)):
        epoch, at = divmod(step, per_epoch)
        if at == 0 and epoch > 0:  # the first pass has the file's order, which is Tunebook's
            order = numpy.random.default_rng([arguments["seed"], epoch]).permutation(len(rows)).tolist()
        of_step = [rows[i] for i in order[at * per_step : (at + 1) * per_step]]
        labels = counted(of_step)
        own = of_step[accelerator.process_index :: accelerator.num_processes]
        total = torch.zeros((), device=accelerator.device)
        for begin in range(0, len(own), arguments["batchSize"]):
            ids, mask, wanted = batch(own[begin : begin + arguments["batchSize"]], accelerator.device)
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
            loss = (
                torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), wanted[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
                )
                / labels
            )
            loss.backward()
            total += loss.detach()
        for p in factors:
            p.grad = accelerator.reduce(torch.zeros_like(p) if p.grad is None else p.grad, reduction="sum")
        if arguments["maxGradientNorm"] > 0:
            torch.nn.utils.clip_grad_norm_(factors, arguments["maxGradientNorm"])
        for group in optimizer.param_groups:
            group["lr"] = arguments["learningRate"] * factor(arguments["schedule"], step, warmup, planned)
        optimizer.step()
        optimizer.zero_grad()
        total = accelerator.reduce(total, reduction="sum")
        if accelerator.is_main_process:
            print(json.dumps(dict(step=step + 1, of=planned, loss=total.item())), flush=True)
    if accelerator.is_main_process:
        model.save_pretrained(given.out)


if __name__ == "__main__":
    main()
