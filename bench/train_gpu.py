"""LoRA on CUDA GPUs against its peers: tokens a second, optimiser included, and the most memory the process took on the card (both by NVML, allocator's reserve and
CUDA's own included). Rank 16 on all seven linear modules, bfloat16, random weights. The peers are those of bench/gpu_peers.py; one whose packages are not installed is left out
of "the fastest", and said. Tunebook needs a libtorch with CUDA: PYTORCH_LIBRARY_PATH, PYTORCH_VERSION, PYTORCH_FLAVOR.

    python bench/train_gpu.py [--record] [--only SECTION,...] [--folder DIR] [--model MODEL.gguf]

SECTION: 4x1024, fp8, 1x512, mixed, load, 1x8192, 1x32768, gemma3, moe, deterministic, memory, 8b-qlora, 8b-bf16, 8b-peers, 8b-32, 70b, 70b-checkpoint, two, four, eight.

Two peers are not run but published by NVIDIA (NeMo AutoModel, H100, bfloat16): Llama-8B at 2x4096, 12,473 tokens/s; Llama-70B on eight cards, 1,092 a card.
"""

import argparse
import functools
import pathlib
import re
import tempfile

import training

COMMAND = "python bench/train_gpu.py --record --only "
PEERS = str(pathlib.Path(__file__).with_name("gpu_peers.py"))
NOT_COMPILED = ("eager", "bf16", "liger", "axolotl", "unsloth")
STEPS = 20
QWEN = "LoRA, Qwen2-1.5B shapes, bf16, "
NAMES = dict(eager="PEFT under autocast", bf16="PEFT in bfloat16", liger="Liger", axolotl="Axolotl's kernels", unsloth="Unsloth", compile="PEFT under torch.compile",
             checkpoint="PEFT with gradient checkpointing", qlora="PEFT on bitsandbytes' NF4")
NAMES |= {"bf16-checkpoint": "PEFT in bfloat16 with gradient checkpointing", "unsloth-checkpoint": "Unsloth with gradient checkpointing", "unsloth-4bit": "Unsloth on NF4"}


class Bench:
    """What the sections share: the card, random models, peers that were run already, rows."""

    def __init__(self, options):
        import torch
        self.options, self.cards, self.machine = options, torch.cuda.device_count(), torch.cuda.get_device_name(0)
        self.folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="tunebook-gpu"))
        self.section = ""

    @functools.cached_property
    def qwen(self):
        return training.random_model(self.folder / "qwen", training.QWEN_1_5B)

    @functools.cached_property
    def llama(self):
        return training.random_model(self.folder / "8b", training.LLAMA_8B)

    @functools.cache
    def peer(self, mode, shape, rows, length, from_folder=False):
        """What a peer printed; None if it failed."""
        needs = from_folder or mode.startswith("unsloth")
        folder = [str(self.llama if shape == "8b" else self.qwen)] if needs else []
        try:
            return training.peer(PEERS, mode, shape, rows, length, *folder)
        except SystemExit as e:
            print(f"{mode}, {shape}, {rows}x{length}: left out: {str(e)[-300:]}", flush=True)
            return None

    def fastest(self, shape, rows, length, modes=NOT_COMPILED):
        """The fastest peer and its name among those that ran."""
        ran = {mode: found for mode in modes if (found := self.peer(mode, shape, rows, length))}
        if not ran:
            return None, ""
        best = max(ran, key=lambda mode: ran[mode]["tokens_per_second"])
        return ran[best], f"the fastest of {len(ran)} peers: {NAMES[best]}"

    def speed(self, id, work, mine, found, name, goal):
        if found:
            self.row(id, f"{work}, {name}", mine["tokens_per_second"], found["tokens_per_second"], "tokens/s", goal)

    def row(self, id, work, our, their, unit, goal, machine=None):
        training.report(self.options.record, "train.gpu." + id, work, our, their, unit, goal, COMMAND + self.section, machine or self.machine)


def again(mine):
    """How many layers a run computed again for want of memory, in words."""
    found = re.search(r"first (\d+) of (\d+) layers", mine["notes"])
    return f"{found[1]} of {found[2]} layers computed again" if found else "no layer computed again"


def four_rows(b):
    mine = training.ours("train", b.qwen, 4, 1024, STEPS, "plain", "loaded")
    work = QWEN + "4x1024 tokens a step"
    best, name = b.fastest("1.5b", 4, 1024)
    b.speed("4x1024.fastest", work, mine, best, name, ">=2.8")
    eager = b.peer("eager", "1.5b", 4, 1024)
    b.speed("4x1024.eager", work, mine, eager, NAMES["eager"], ">=3.5")
    b.row("4x1024.memory", work + ", PEFT under autocast, peak memory", mine["gpu_gib"], eager["gpu_gib"], "GiB", "<=0.6")
    b.speed("4x1024.compile", work, mine, b.peer("compile", "1.5b", 4, 1024), NAMES["compile"], ">=1.8")
    b.row("4x1024.tokens", work + ", beside 75,000", mine["tokens_per_second"], 75000, "tokens/s", ">=1.0")


def fp8(b):
    mine = training.ours("train", b.qwen, 4, 1024, STEPS, "plain", "fp8")
    work = "LoRA, Qwen2-1.5B shapes, base in FP8, 4x1024 tokens a step"
    best, name = b.fastest("1.5b", 4, 1024)
    b.speed("fp8.fastest", work, mine, best, name + ", in bf16", ">=3.5")
    b.speed("fp8.compile", work, mine, b.peer("compile", "1.5b", 4, 1024), NAMES["compile"] + " in bf16", ">=2.3")
    b.row("fp8.tokens", work + ", beside 95,000", mine["tokens_per_second"], 95000, "tokens/s", ">=1.0")
    if b.options.model:
        chat = training.ROOT / "notebooks/data/assistant.jsonl"
        narrow, wide = (training.ours("heldout", b.options.model, chat, storage)["after"] for storage in ("fp8", "loaded"))
        name = pathlib.Path(b.options.model).name
        b.row("fp8.loss", f"{name}, three epochs of conversations, base in FP8, held-out loss beside bf16's", narrow, wide, "nats", "<=1.005")


def short(b):
    mine = training.ours("train", b.qwen, 1, 512, 2 * STEPS, "plain", "loaded")
    work = QWEN + "1x512 tokens a step"
    best, name = b.fastest("1.5b", 1, 512)
    b.speed("1x512", work, mine, best, name, ">=15")
    b.speed("1x512.compile", work, mine, b.peer("compile", "1.5b", 1, 512), NAMES["compile"], ">=7")


def mixed(b):
    mine = training.ours("mixed", b.qwen, 4, 1024, 10 * STEPS)
    whole = training.ours("train", b.qwen, 4, 1024, STEPS, "plain", "loaded")
    work = QWEN + "four conversations of mixed lengths a step, padding not counted"
    b.speed("mixed", work, mine, whole, "against our own 4x1024", ">=0.9")
    packed = b.peer("unsloth-packed", "1.5b", 4, 1024)
    if packed:
        b.speed("mixed.unsloth", work, mine, packed, "against Unsloth, the conversations of a step packed into one row", ">=2.0")
    else:
        b.speed("mixed.unsloth", work, mine, b.peer("unsloth", "1.5b", 4, 1024), "against Unsloth on whole rows of 4x1024, which its packing cannot beat", ">=2.0")


def load(b):
    mine = training.ours("train", b.qwen, 4, 1024, 2, "plain", "loaded")
    work = "Qwen2-1.5B shapes from safetensors, start of the process to the end of the first step of 4x1024"
    for mode in ("eager", "unsloth"):
        found = b.peer(mode, "1.5b", 4, 1024, True)
        if found:
            b.row("load." + mode, f"{work}, {NAMES[mode]}", mine["first_step_seconds"], found["first_step_seconds"], "s", "<=0.2")
    b.row("load.seconds", work + ", beside 3 s", mine["first_step_seconds"], 3, "s", "<=1.0")
    parts = training.ours(b.qwen, 4, 1024, main="LoadBench")
    print("| part of it, one after the other | s |\n|---|---|")
    for name, seconds in parts.items():
        if name not in ("wall", "mib", "gpu_gib"):
            print(f"| {name} | {seconds:.2f} |")


def long(b, length):
    mine = training.ours("train", b.qwen, 1, length, STEPS // 2, "plain", "loaded")
    work = QWEN + f"1x{length} tokens a step, no layer computed again that need not be ({mine['gpu_gib']:.0f} GiB)"
    plain = b.fastest("1.5b", 1, length, ("eager", "unsloth"))
    best, name = plain if plain[0] else b.fastest("1.5b", 1, length, ("checkpoint", "unsloth-checkpoint"))
    b.speed(f"1x{length}", work, mine, best, name, ">=2.0")


def checkpointed(b):
    long(b, 8192)
    mine = training.ours("train", b.qwen, 1, 8192, STEPS, "checkpoint", "loaded")
    eager = b.peer("checkpoint", "1.5b", 1, 8192)
    work = QWEN + "1x8192 tokens a step, gradient checkpointing"
    b.speed("1x8192.checkpoint", work, mine, eager, "PEFT", ">=1.5")
    b.row("1x8192.memory", work + ", PEFT, peak memory", mine["gpu_gib"], eager["gpu_gib"], "GiB", "<=0.8")


def eight_qlora(b):
    gguf = training.random_q4_k(b.folder / "8b.gguf", training.LLAMA_8B)
    mine = training.ours("train", gguf, 1, 2048, STEPS, "plain", "quantized")
    work = "QLoRA on GGUF's Q4_K blocks, Llama-8B shapes, 1x2048 tokens a step"
    b.speed("8b.qlora", work, mine, b.peer("qlora", "8b", 1, 2048), NAMES["qlora"], ">=2.5")
    b.speed("8b.unsloth", work, mine, b.peer("unsloth-4bit", "8b", 1, 2048), NAMES["unsloth-4bit"], ">=1.5")
    b.row("8b.bytes", work + ", bytes a parameter of the base, the parameter being the peer's unit", mine["weight_bytes"] / mine["parameters"], 1, "bytes", "<=0.6")
    gguf.unlink()


def eight_whole(b):
    work = "LoRA, Llama-8B shapes, 2x4096 tokens a step, NVIDIA's published 12,473 in bf16"
    for id, mode, storage, goal in (("", "plain", "loaded", ">=1.5"), (".fp8", "plain", "fp8", ">=2.0"), (".checkpoint", "checkpoint", "loaded", ">=1.1")):
        mine = training.ours("train", b.llama, 2, 4096, STEPS, mode, storage, heap="2g")
        b.row("8b.2x4096" + id, f"{work}; ours {mode}, {'base in FP8' if storage == 'fp8' else 'bf16'}, {mine['gpu_gib']:.1f} GiB", mine["tokens_per_second"], 12473,
              "tokens/s", goal)


def eight_peers(b):
    """The same beside peers on the same card: each as fast as memory lets it be."""
    mine = training.ours("train", b.llama, 2, 4096, STEPS, "plain", "loaded", heap="2g")
    again = training.ours("train", b.llama, 2, 4096, STEPS, "checkpoint", "loaded", heap="2g")
    for id, modes in (("peft", ("bf16", "bf16-checkpoint", "checkpoint")), ("unsloth", ("unsloth", "unsloth-checkpoint"))):
        best, name = b.fastest("8b", 2, 4096, modes)
        if best:
            work = f"LoRA, Llama-8B shapes, bf16, 2x4096 tokens a step, {name} ({best['gpu_gib']:.1f} GiB)"
            b.row(f"8b.2x4096.{id}", f"{work}; ours {mine['gpu_gib']:.1f} GiB", mine["tokens_per_second"], best["tokens_per_second"], "tokens/s", ">=1.5")
            b.row(f"8b.2x4096.{id}.checkpoint", f"{work}; ours with all layers computed again, {again['gpu_gib']:.1f} GiB", again["tokens_per_second"],
                  best["tokens_per_second"], "tokens/s", ">=1.1")


def eight_on_32(b):
    mine = training.ours("train", b.llama, 2, 4096, STEPS, "plain", "loaded", heap="2g", card=32)
    b.row("8b.2x4096.32", f"LoRA, Llama-8B shapes, 2x4096 tokens a step, NVIDIA's published 12,473 in bf16; ours on a card of 32 GiB ({mine['gpu_gib']:.1f} taken), {again(mine)}", mine["tokens_per_second"], 12473, "tokens/s", ">=1.1")


def seventy(b, id, mode, card, goal):
    path = b.folder / "70b.gguf"
    gguf = path if path.exists() else training.random_q4_k(path, training.LLAMA_70B)
    mine = training.ours("train", gguf, 1, 2048, 10, mode, "quantized", heap="2g", card=card)
    what = f"on a card of {card} GiB, {again(mine)}" if card else "all layers computed again"
    work = f"QLoRA on GGUF's Q4_K blocks, Llama-70B shapes, 1x2048 tokens a step, {what}"
    b.row(id, f"{work} ({mine['gpu_gib']:.1f} GiB); NVIDIA's published figure a card, of eight, in bf16", mine["tokens_per_second"], 1092, "tokens/s", goal)
    if not card:
        b.row("70b.memory", work + ", peak memory, beside a card of 46 GB", mine["gpu_gib"] * 2**30 / 1e9, 46, "GB", "<=1.0")


def cards(b, id, count, goal):
    if b.cards < count:
        print(f"{count} GPUs against one: not run, there are {b.cards}", flush=True)
        return
    all = training.ours("train", b.qwen, 4, 1024, 2 * STEPS, "plain", "loaded", "fastest", count)
    one = training.ours("train", b.qwen, 4, 1024, 2 * STEPS, "plain", "loaded")
    b.row(id, QWEN + f"4x1024 tokens a step on each of {id} GPUs, against one of them", all["tokens_per_second"], one["tokens_per_second"], "tokens/s", goal,
          f"{count} x {b.machine}")


def gemma(b):
    folder = training.random_model(b.folder / "gemma3", training.GEMMA3_1B)
    mine = training.ours("train", folder, 4, 1024, STEPS, "plain", "loaded")
    work = "LoRA, Gemma 3 1B shapes, bf16, 4x1024 tokens a step"
    for mode in ("eager", "compile"):
        b.speed(f"gemma3.{mode}", work, mine, b.peer(mode, "gemma3", 4, 1024), NAMES[mode], ">=2.0")
    theirs = b.peer("eager", "gemma3", 4, 1024)
    if theirs:
        b.row("gemma3.memory", work + ", PEFT under autocast, peak memory", mine["gpu_gib"], theirs["gpu_gib"], "GiB", "<=1.0")


def experts(b):
    gguf = training.random_q4_k(b.folder / "moe.gguf", training.QWEN3_30B)
    mine = training.ours("train", gguf, 1, 2048, STEPS, "plain", "quantized")
    work = f"QLoRA on attention, GGUF's Q4_K blocks, {training.QWEN3_30B['num_hidden_layers']} layers of Qwen3-30B-A3B's shapes, 1x2048 tokens a step"
    theirs = b.peer("eager", "moe", 1, 2048)
    b.speed("moe.qlora", work, mine, theirs, "PEFT in bf16 under autocast (bitsandbytes has no blocks for experts)", ">=2.0")
    if theirs:
        b.row("moe.memory", work + ", peak memory", mine["gpu_gib"], theirs["gpu_gib"], "GiB", "<=0.5")


def deterministic(b):
    """The same training twice, with deterministic(false) and deterministic(true): whether losses and factors have the same bits, and what that costs."""
    moe = b.folder / "moe.gguf"
    cases = [("4x1024", b.qwen, 4, 1024, STEPS, "whole", "loaded"), ("mixed", b.qwen, 4, 1024, 4 * STEPS, "conversations", "loaded"),
             ("packed", b.qwen, 4, 1024, STEPS, "packed", "loaded"), ("1x8192", b.qwen, 1, 8192, STEPS, "whole", "loaded"),
             ("1x32768", b.qwen, 1, 32768, 8, "whole", "loaded"), ("moe", moe, 1, 2048, STEPS, "whole", "quantized")]
    for name, model, rows, length, steps, kind, storage in cases:
        if name == "moe" and not moe.exists():
            training.random_q4_k(moe, training.QWEN3_30B)
        found = {}
        for way in ("fast", "deterministic"):
            try:
                found[way] = training.ours(model, rows, length, steps, kind, storage, way, main="TwiceBench")
            except SystemExit as e:
                print(f"deterministic, {name}, {way}: failed: {str(e)[-400:]}", flush=True)
        if len(found) < 2:
            continue
        words = {way: f"{f['same_losses']} of {f['steps']} losses the same in two runs, {f['differing_factors']} of {f['factors']} factors differ, {f['gpu_gib'] or 0:.1f} GiB"
                 for way, f in found.items()}
        b.row(f"deterministic.{name}", f"LoRA, {'mixture, ' if name == 'moe' else 'Qwen2-1.5B shapes, '}{kind} rows of {rows}x{length}, deterministic ({words['deterministic']}) "
              f"beside not ({words['fast']})", found["deterministic"]["tokens_per_second"], found["fast"]["tokens_per_second"], "tokens/s", ">=0.95")


def memory(b):
    """What a step takes of the card, beside MemoryEstimate, for each family: small shapes, three steps of 4x1024 tokens."""
    for name, config in training.families().items():
        for mode in ("plain", "checkpoint") if name in training.BOTH else ("plain",):
            folder = training.configured(b.folder / f"memory-{name}", config)
            try:
                found = training.ours("memory", folder, 4, 1024, mode, heap="2g")
            except SystemExit as e:
                print(f"memory, {name}, {mode}: failed: {str(e)[-400:]}", flush=True)
                continue
            finally:
                (folder / "model.safetensors").unlink(missing_ok=True)
            off = 100 * (found["taken"] / found["estimate"] - 1)
            work = (f"{name}, {config['num_hidden_layers']} layers, 4x1024 tokens, {mode}: a step took {found['taken'] / 2**30:.2f} GiB beyond the loaded model, "
                    f"MemoryEstimate {found['estimate'] / 2**30:.2f} ({off:+.0f} %); percent off beside 10")
            b.row(f"memory.{name}{'.checkpoint' if mode == 'checkpoint' else ''}", work, abs(off), 10, "%", "<=1.0")


SECTIONS = {"4x1024": four_rows, "fp8": fp8, "1x512": short, "mixed": mixed, "load": load, "1x8192": checkpointed, "1x32768": lambda b: long(b, 32768), "gemma3": gemma, "moe": experts,
            "deterministic": deterministic, "memory": memory,
            "8b-qlora": eight_qlora, "8b-bf16": eight_whole, "8b-peers": eight_peers, "8b-32": eight_on_32,
            "70b": lambda b: seventy(b, "70b.qlora", "plain", 75, ">=1.83"), "70b-checkpoint": lambda b: seventy(b, "70b.qlora.checkpoint", "checkpoint", 0, ">=1.28"),
            "two": lambda b: cards(b, "two", 2, ">=1.95"), "four": lambda b: cards(b, "four", 4, ">=3.8"), "eight": lambda b: cards(b, "eight", 8, ">=7.6")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--model", help="trained on conversations with and without FP8")
    bench = Bench(parser.parse_args())
    for section in bench.options.only.split(","):
        bench.section = section
        SECTIONS[section](bench)


if __name__ == "__main__":
    main()
