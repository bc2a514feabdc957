"""LoRA on one CUDA GPU against PEFT: tokens a second, optimiser included, and the most memory the process took on the card (both by NVML, allocator's
reserve and CUDA's own included). Rank 16 on all seven linear modules, bfloat16, random weights. The peer: Transformers with sdpa, PEFT, autocast, fused
AdamW; eager, under torch.compile, with gradient checkpointing. Tunebook needs a libtorch with CUDA: PYTORCH_LIBRARY_PATH, PYTORCH_VERSION, PYTORCH_FLAVOR.

    python bench/train_gpu.py [--record] [--only 4x1024,fp8,mixed,1x512,1x8192,8b,8b-bf16,70b,two,gemma3,moe] [--folder DIR] [--model MODEL.gguf]

Two peers are not run but published by NVIDIA (NeMo AutoModel, H100, bfloat16): Llama-8B at 2x4096, 12,473 tokens/s; Llama-70B on eight cards, 1,092 a card.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

import training

COMMAND = "python bench/train_gpu.py --record"
STEPS = 20


def lora(model):
    import peft
    attention, rest = ["q_proj", "k_proj", "v_proj", "o_proj"], ["gate_proj", "up_proj", "down_proj"]
    targets = attention if hasattr(model.config, "num_experts") else attention + rest  # experts stay as they are on both sides
    return peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, task_type="CAUSAL_LM", target_modules=targets))


def run_peer(shape: str, rows: int, length: int, mode: str) -> None:
    import torch
    import transformers
    config = {"8b": training.LLAMA_8B, "gemma3": training.GEMMA3_1B, "moe": training.QWEN3_30B}.get(shape, training.QWEN_1_5B)
    values = {k: v for k, v in config.items() if k not in ("architectures", "torch_dtype")}
    cls = getattr(transformers, config["architectures"][0])
    kind = cls.config_class
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = cls._from_config(kind(**{k: v for k, v in values.items() if k != "model_type"}), attn_implementation="sdpa")
    torch.set_default_dtype(torch.float32)
    model.config.use_cache = False
    if mode == "checkpoint":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    model = lora(model)
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4, weight_decay=0.0, fused=True)
    step = torch.compile(model) if mode == "compile" else model
    rates = []
    for _ in range(STEPS):
        ids = torch.randint(0, values["vocab_size"], (rows, length), device="cuda")
        torch.cuda.synchronize()
        start = time.time()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = step(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        value = loss.item()
        torch.cuda.synchronize()
        rates.append(rows * length / (time.time() - start))
    rates = sorted(rates[4:])
    print(json.dumps(dict(tokens_per_second=rates[len(rates) // 2], best=rates[-1], loss=value, allocated_gib=torch.cuda.max_memory_allocated() / 2**30)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", default="4x1024,fp8,mixed,1x512,1x8192,8b,8b-bf16,70b,two,gemma3,moe")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--model", help="trained on conversations with and without FP8")
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="tunebook-gpu"))
    import torch
    machine = torch.cuda.get_device_name(0)
    only = options.only.split(",")

    def row(id, work, our, their, unit, goal):
        training.report(options.record, "train.gpu." + id, work, our, their, unit, goal, COMMAND, machine)

    qwen = None
    if set(only) & {"4x1024", "fp8", "mixed", "1x512", "1x8192", "two"}:
        qwen = training.random_model(folder / "qwen", training.QWEN_1_5B)
    if set(only) & {"4x1024", "fp8"}:
        eager = training.peer(__file__, "1.5b", 4, 1024, "eager")
        compiled = training.peer(__file__, "1.5b", 4, 1024, "compile")
    if "4x1024" in only:
        mine = training.ours("train", qwen, 4, 1024, STEPS, "plain", "loaded")
        work = "LoRA, Qwen2-1.5B shapes, bf16, 4x1024 tokens a step"
        row("4x1024.eager", work + ", PEFT eager", mine["tokens_per_second"], eager["tokens_per_second"], "tokens/s", ">=3.5")
        row("4x1024.memory", work + ", PEFT eager, peak memory", mine["gpu_gib"], eager["gpu_gib"], "GiB", "<=0.6")
        row("4x1024.compile", work + ", PEFT under torch.compile", mine["tokens_per_second"], compiled["tokens_per_second"], "tokens/s", ">=1.8")
    if "fp8" in only:
        mine = training.ours("train", qwen, 4, 1024, STEPS, "plain", "fp8")
        work = "LoRA, Qwen2-1.5B shapes, base in FP8, 4x1024 tokens a step"
        row("fp8.eager", work + ", PEFT eager in bf16", mine["tokens_per_second"], eager["tokens_per_second"], "tokens/s", ">=3.5")
        row("fp8.compile", work + ", PEFT under torch.compile in bf16", mine["tokens_per_second"], compiled["tokens_per_second"], "tokens/s", ">=2.3")
    if "fp8" in only and options.model:
        chat = training.ROOT / "notebooks/data/assistant.jsonl"
        narrow, wide = (training.ours("heldout", options.model, chat, storage)["after"] for storage in ("fp8", "loaded"))
        row("fp8.loss", f"{pathlib.Path(options.model).name}, three epochs of conversations, base in FP8, held-out loss beside bf16's", narrow, wide, "nats", "<=1.005")
    if "mixed" in only:
        mine = training.ours("mixed", qwen, 4, 1024, 10 * STEPS)
        whole = training.ours("train", qwen, 4, 1024, STEPS, "plain", "loaded")
        row("mixed", "LoRA, Qwen2-1.5B shapes, bf16, four conversations of mixed lengths a step, without padding, against our own 4x1024",
            mine["tokens_per_second"], whole["tokens_per_second"], "tokens/s", ">=0.9")
    if "1x512" in only:
        mine = training.ours("train", qwen, 1, 512, 2 * STEPS, "plain", "loaded")
        eager = training.peer(__file__, "1.5b", 1, 512, "eager")
        row("1x512", "LoRA, Qwen2-1.5B shapes, bf16, 1x512 tokens a step, PEFT eager", mine["tokens_per_second"], eager["tokens_per_second"], "tokens/s", ">=15")
    if "1x8192" in only:
        mine = training.ours("train", qwen, 1, 8192, STEPS, "checkpoint", "loaded")
        eager = training.peer(__file__, "1.5b", 1, 8192, "checkpoint")
        work = "LoRA, Qwen2-1.5B shapes, bf16, 1x8192 tokens a step, gradient checkpointing"
        row("1x8192.checkpoint", work, mine["tokens_per_second"], eager["tokens_per_second"], "tokens/s", ">=1.5")
        row("1x8192.memory", work + ", peak memory", mine["gpu_gib"], eager["gpu_gib"], "GiB", "<=0.8")
    if "two" in only and torch.cuda.device_count() < 2:
        print("two GPUs against one: skipped, there is only one", flush=True)
    elif "two" in only:
        both = training.ours("train", qwen, 4, 1024, 2 * STEPS, "plain", "loaded", "fastest", 2)
        one = training.ours("train", qwen, 4, 1024, 2 * STEPS, "plain", "loaded")
        training.report(options.record, "train.gpu.two", "LoRA, Qwen2-1.5B shapes, bf16, 4x1024 tokens a step on each of two GPUs, against one of them",
                        both["tokens_per_second"], one["tokens_per_second"], "tokens/s", ">=1.8", COMMAND, "2 x " + machine)
    if "gemma3" in only:
        gemma = training.random_model(folder / "gemma3", training.GEMMA3_1B)
        mine = training.ours("train", gemma, 4, 1024, STEPS, "plain", "loaded")
        work = "LoRA, Gemma 3 1B shapes, bf16, 4x1024 tokens a step"
        for mode, goal in (("eager", ">=2.0"), ("compile", ">=2.0")):
            theirs = training.peer(__file__, "gemma3", 4, 1024, mode)
            row(f"gemma3.{mode}", f"{work}, PEFT {mode}", mine["tokens_per_second"], theirs["tokens_per_second"], "tokens/s", goal)
        row("gemma3.memory", work + ", the last one's peak memory", mine["gpu_gib"], theirs["gpu_gib"], "GiB", "<=1.0")
    if "moe" in only:
        gguf = training.random_q4_k(folder / "moe.gguf", training.QWEN3_30B)
        mine = training.ours("train", gguf, 1, 2048, STEPS, "plain", "quantized")
        theirs = training.peer(__file__, "moe", 1, 2048, "eager")
        work = f"QLoRA on attention, GGUF's Q4_K blocks, {training.QWEN3_30B['num_hidden_layers']} layers of Qwen3-30B-A3B's shapes, 1x2048 tokens a step"
        row("moe.qlora", work + ", PEFT in bf16 (no bitsandbytes there)", mine["tokens_per_second"], theirs["tokens_per_second"], "tokens/s", ">=2.0")
        row("moe.memory", work + ", peak memory", mine["gpu_gib"], theirs["gpu_gib"], "GiB", "<=0.5")
    if "8b" in only:
        gguf = training.random_q4_k(folder / "8b.gguf", training.LLAMA_8B)
        mine = training.ours("train", gguf, 1, 2048, STEPS, "plain", "quantized")
        eager = training.peer(__file__, "8b", 1, 2048, "eager")
        work = "QLoRA on GGUF's Q4_K blocks, Llama-8B shapes, 1x2048 tokens a step"
        row("8b.qlora", work + ", PEFT in bf16 (no bitsandbytes there)", mine["tokens_per_second"], eager["tokens_per_second"], "tokens/s", ">=1.0")
        row("8b.bytes", work + ", bytes a parameter of the base, the parameter being the peer's unit", mine["weight_bytes"] / mine["parameters"], 1, "bytes", "<=0.6")
    if "8b-bf16" in only:
        work = "LoRA, Llama-8B shapes, 2x4096 tokens a step, NVIDIA's published 12,473 in bf16"
        llama = training.random_model(folder / "8b", training.LLAMA_8B)
        for id, mode, storage, goal in (("", "plain", "loaded", ">=1.5"), (".fp8", "plain", "fp8", ">=2.0"), (".checkpoint", "checkpoint", "loaded", ">=1.1")):
            mine = training.ours("train", llama, 2, 4096, STEPS, mode, storage, heap="2g")
            row("8b.2x4096" + id, f"{work}; ours {mode}, {'base in FP8' if storage == 'fp8' else 'bf16'}, {mine['gpu_gib']:.1f} GiB", mine["tokens_per_second"], 12473,
                "tokens/s", goal)
    if "70b" in only:
        gguf = training.random_q4_k(folder / "70b.gguf", training.LLAMA_70B)
        mine = training.ours("train", gguf, 1, 2048, 10, "checkpoint", "quantized", heap="2g")
        row("70b.qlora", f"QLoRA on GGUF's Q4_K blocks, Llama-70B shapes, 1x2048 tokens a step, one card ({mine['gpu_gib']:.1f} GiB); NVIDIA's published figure a card, "
            "of eight, in bf16", mine["tokens_per_second"], 1092, "tokens/s", ">=1.83")
        gguf.unlink()


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        run_peer(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        main()
