"""Where a step's time goes on a GPU, kernel by kernel: ours beside a peer. Each runs under bench/kernel_trace.cpp, by the commands of bench/train_gpu.py.

    g++ -std=c++17 -O2 -shared -fPIC -I FOLDER_OF_CUPTI_H bench/kernel_trace.cpp -ldl -o libkernel_trace.so
    python bench/gpu_kernels.py --library libkernel_trace.so [--only CASE,...] [--folder DIR] [--out FILE.md] [--top 6] [--ours-only]

Prints a table of kinds of kernels a case, in milliseconds a step, and the longest kernels of each side. Tracing costs one or two microseconds a kernel where kernels are started one by
one, so that sums count here, and the time of a step in train_gpu.py. Of the steps the middle half is taken, by their length; of those of mixed lengths the later half, as they came. "Large" products take 20 microseconds and more.
The libcupti.so of each side is that of its own PyTorch: beside the library that PYTORCH_LIBRARY_PATH names, and in this Python's packages.
"""

import argparse
import collections
import glob
import os
import pathlib
import re
import site
import subprocess
import sys
import tempfile

import training

KINDS = [  # the first that matches
    ("attention", r"cudnn.*(sdpa|prop|flash|mha)|flash|fmha|attention|convert_dq|dot_do_o"),
    ("expansion of blocks", r"^expand|dequant|kDequantize"),
    ("rounding to FP8", r"^eight_rows"),
    ("products of experts", r"^times_(tiles|blocks)"),
    ("SwiGLU with LoRA's thin products", r"swiglu|sum_parts|sum_factors|silu|geglu|gelu"),
    ("norms", r"rms_?norm|layer_?norm|add_norm"),
    ("rotary positions", r"rope|rotary"),
    ("cross entropy", r"cross_entropy|log_softmax|nll_loss|LogSoftMax"),
    ("optimizer and clipping", r"[Aa]dam|multi_tensor|clip|sum_of_squares"),
    ("products", r"gemm|nvjet|cutlass|xmma|sm\d+_|splitK|gemv|cublas|scaled_mm|bmm"),
    ("copies from card to card", r"^\[copy from"),
    ("[copies]", r"^\[copy\]|^\[set\]"),
    ("sorting, gathering, scattering", r"sort|[Ii]ndex|gather|scatter|topk|scan|histogram|bincount|radix|cat|Cat"),
    ("sums, casts, other elementwise", r"elementwise|reduce|copy|fill|triton|softmax|SoftMax"),
]
LARGE = 20_000  # nanoseconds


def case(*mine, shape="1.5b", peer="", storage="loaded", heap="512m", card=0, cards=1):
    return dict(mine=mine, shape=shape, peer=peer, storage=storage, heap=heap, card=card, cards=cards)


# rows, length, steps and mode of ours; the peer is the fastest of train_gpu.py, whose row and length are the same
CASES = {
    "4x1024": case(4, 1024, 14, "plain", peer="compile"), "fp8": case(4, 1024, 14, "plain", storage="fp8"), "1x512": case(1, 512, 24, "plain", peer="compile"),
    "mixed": case(4, 1024, 120, "mixed", peer="unsloth-packed"), "two": case(4, 1024, 20, "plain", cards=2),
    "1x8192": case(1, 8192, 10, "plain", peer="unsloth"), "1x32768": case(1, 32768, 8, "plain", peer="unsloth"),
    "gemma3": case(4, 1024, 14, "plain", shape="gemma3", peer="compile"), "moe": case(1, 2048, 14, "plain", shape="moe", storage="quantized", peer="eager"),
    "8b-qlora": case(1, 2048, 14, "plain", shape="8b", storage="quantized", peer="unsloth-4bit"),
    "8b-bf16": case(2, 4096, 10, "plain", shape="8b", heap="2g"), "8b-fp8": case(2, 4096, 10, "plain", shape="8b", storage="fp8", heap="2g"),
    "8b-checkpoint": case(2, 4096, 10, "checkpoint", shape="8b", heap="2g"),
    "70b": case(1, 2048, 6, "plain", shape="70b", storage="quantized", heap="2g", card=75),
}
SHAPES = {"1.5b": training.QWEN_1_5B, "8b": training.LLAMA_8B, "70b": training.LLAMA_70B, "gemma3": training.GEMMA3_1B, "moe": training.QWEN3_30B}


def cupti(folders) -> str:
    for folder in folders:
        found = sorted(glob.glob(os.path.join(folder, "**", "libcupti.so.*"), recursive=True), key=len)
        if found:
            return found[0]
    raise SystemExit(f"there is no libcupti.so in {', '.join(folders)}")


def traced(library, folders, run) -> pathlib.Path:
    """Runs run() with the tracer in its child's environment. @return the file of lines"""
    lines = pathlib.Path(tempfile.mkstemp(prefix="kernels", suffix=".txt")[1])
    before = dict(os.environ)
    os.environ.update(CUDA_INJECTION64_PATH=str(library.resolve()), TUNEBOOK_TRACE=str(lines), TUNEBOOK_CUPTI=cupti(folders))
    try:
        run()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return lines


def steps(lines, mixed):
    """The first card's kernels, and copies from card to card, of each step of the middle half, as (start, end, name). A step ends with the optimizer's last kernel."""
    kernels = []
    for line in lines.open(errors="replace"):
        start, end, card, name = (line.rstrip("\n").split(" ", 3) + [""] * 3)[:4]
        if start.isdigit() and end.isdigit() and (card == "0" or name.startswith("[copy from")):
            kernels.append((int(start), int(end), name))
    kernels.sort()
    ends = [i for i, k in enumerate(kernels) if re.search(r"[Aa]dam", k[2])]
    cuts = [i for i, j in zip(ends, ends[1:] + [len(kernels) + 50]) if j - i > 20]
    whole = [kernels[a + 1:b + 1] for a, b in zip(cuts, cuts[1:])]
    if not whole:
        raise SystemExit(f"no step was found among {len(kernels)} kernels")
    if mixed:
        return whole[len(whole) // 2:]
    whole.sort(key=lambda s: s[-1][1] - s[0][0])
    return whole[len(whole) // 4:max(len(whole) // 4 + 1, len(whole) * 3 // 4)]


def kind(name, nanoseconds):
    found = next((label for label, pattern in KINDS if re.search(pattern, name)), "other")
    return found if found != "products" else "large products" if nanoseconds >= LARGE else "thin products"


class Anatomy:
    """Milliseconds a step by kind and by kernel, and the time in which the card did nothing."""

    def __init__(self, lines, mixed=False):
        found = steps(lines, mixed)
        n = len(found) * 1e6
        self.kinds, self.kernels, self.counts = collections.Counter(), collections.Counter(), collections.Counter()
        self.wall = self.idle = 0
        self.idle_of, self.sums = [], []  # of each step: the share in which nothing ran, and the milliseconds until other cards' gradients were added
        for step in found:
            reached = step[0][0]
            before = self.idle
            for start, end, name in step:
                of = kind(name, end - start)
                self.kinds[of] += (end - start) / n
                self.kernels[of, name] += (end - start) / n
                self.counts[of, name] += 1 / len(found)
                self.idle += max(0, start - reached) / n
                reached = max(reached, end)
            self.wall += (reached - step[0][0]) / n
            self.idle_of.append((self.idle - before) * n / max(1, reached - step[0][0]))
            # factors go to the other cards at a step's begin, gradients come at its end
            copies = [k for k in step if k[2].startswith("[copy from")]
            later = [k for k in step if copies and k[0] > copies[-1][1] and kind(k[2], 0) == "optimizer and clipping"]
            if later:
                self.sums.append((later[0][0] - max(k[1] for k in step if k[0] < copies[-1][0] and k not in copies)) / 1e6)
        self.count = sum(len(s) for s in found) / len(found)

    def notes(self):
        waits = sum(1 for share in self.idle_of if share > 1 / 3)
        yield f"{len(self.idle_of)} steps; in {waits} of them nothing ran for more than a third of the time, as where a step is not replayed from a graph or is recorded"
        if self.sums:
            yield f"{sum(self.sums) / len(self.sums):.2f} ms from the end of the card's own backward to the optimizer: waiting for the others, copying and adding their gradients"

    def longest(self, top):
        names = subprocess.run(["c++filt", "-p"], input="\n".join(name for (_, name), _ in self.kernels.most_common(top)), capture_output=True, text=True).stdout.split("\n")
        for ((of, name), ms), plain in zip(self.kernels.most_common(top), names):
            yield f"{ms:.2f} ms, {self.counts[of, name]:.0f} times: {re.sub(r'<.*', '', plain or name)[:90]} ({of})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "tunebook-gpu")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--top", type=int, default=6)
    parser.add_argument("--ours-only", action="store_true")
    options = parser.parse_args()
    for name in options.only.split(","):
        c = CASES[name]
        text = table(options, name, c)
        print(text, flush=True)
        if options.out:
            with options.out.open("a") as out:
                out.write(text + "\n")


def table(options, name, c) -> str:
    rows, length, count, mode = c["mine"]
    quantized = c["storage"] == "quantized"
    folder = options.folder / (c["shape"] + (".gguf" if quantized else ""))
    model = folder if folder.exists() else (training.random_q4_k if quantized else training.random_model)(folder, SHAPES[c["shape"]])
    beside = [os.environ.get("PYTORCH_LIBRARY_PATH", ".")]
    mixed = mode == "mixed"
    mine = ("mixed", model, rows, length, count) if mixed else ("train", model, rows, length, count, mode, c["storage"], "fastest", c["cards"])
    sides = {"ours": Anatomy(traced(options.library, beside, lambda: training.ours(*mine, heap=c["heap"], card=c["card"])), mixed)}
    if c["peer"] and not options.ours_only:
        needs = [str(options.folder / c["shape"])] if c["peer"].startswith("unsloth") else []
        if needs and not pathlib.Path(needs[0]).exists():
            training.random_model(pathlib.Path(needs[0]), SHAPES[c["shape"]])
        peers = str(pathlib.Path(__file__).with_name("gpu_peers.py"))
        try:
            sides[c["peer"]] = Anatomy(traced(options.library, site.getsitepackages() + sys.path, lambda: training.peer(peers, c["peer"], c["shape"], rows, length, *needs)), mixed)
        except SystemExit as e:
            print(f"{c['peer']}: left out: {str(e)[-300:]}", flush=True)
    lines = [f"**{name}**", "", "| ms a step | " + " | ".join(sides) + " |", "|---|" + "---|" * len(sides)]
    for of in sorted({of for a in sides.values() for of in a.kinds}, key=lambda of: -max(a.kinds[of] for a in sides.values())):
        lines.append(f"| {of} | " + " | ".join(f"{a.kinds[of]:.2f}" for a in sides.values()) + " |")
    lines.append("| nothing runs | " + " | ".join(f"{a.idle:.2f}" for a in sides.values()) + " |")
    lines.append("| a step, first kernel to last | " + " | ".join(f"{a.wall:.2f}" for a in sides.values()) + " |")
    lines.append("| kernels and copies | " + " | ".join(f"{a.count:.0f}" for a in sides.values()) + " |")
    lines.append("")
    for side, a in sides.items():
        lines += [f"- {side}: {line}" for line in [*a.notes(), *a.longest(options.top)]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
