"""The peers of bench/train_gpu.py, each in a process of its own: one of them trains LoRA (rank 16 on all seven linear modules, random weights, AdamW and clipping included) and
prints one line of JSON with its tokens a second, first step and losses. A mode whose packages are not installed ends with an error, and the bench goes on without it.

    python bench/gpu_peers.py peer MODE SHAPE ROWS LENGTH [FOLDER]     SHAPE: 1.5b, 8b, gemma3 or moe; FOLDER: where Unsloth, and eager if asked, load the model from

eager          Transformers with sdpa, PEFT, autocast        bf16       without autocast, factors in bfloat16
compile        eager under torch.compile                     checkpoint eager with gradient checkpointing
bf16-checkpoint  bf16 with gradient checkpointing
liger          Liger's kernels under PEFT                    axolotl    Liger's and Axolotl's LoRA kernels
unsloth        FastLanguageModel, bfloat16                   unsloth-checkpoint  with its gradient checkpointing
qlora          PEFT on bitsandbytes' NF4                     unsloth-4bit        Unsloth on the same
unsloth-packed Unsloth, ROWS conversations of mixed lengths a step, none longer than LENGTH, in one row as its packing has them
"""

import inspect
import itertools
import json
import os
import sys
import textwrap
import time
import types

import training

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPES = {"1.5b": training.QWEN_1_5B, "8b": training.LLAMA_8B, "gemma3": training.GEMMA3_1B, "moe": training.QWEN3_30B}
STEPS = 20
WARM = 4


def random_model(shape):
    import torch
    import transformers
    values = {k: v for k, v in SHAPES[shape].items() if k not in ("architectures", "torch_dtype", "model_type")}
    cls = getattr(transformers, SHAPES[shape]["architectures"][0])
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = cls._from_config(cls.config_class(**values), attn_implementation="sdpa")
    torch.set_default_dtype(torch.float32)
    model.config.use_cache = False
    return model


def from_folder(folder):
    import torch
    import transformers
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa").to("cuda")


def liger(shape, swiglu):
    from liger_kernel.transformers import apply_liger_kernel_to_llama, apply_liger_kernel_to_qwen2
    patch = apply_liger_kernel_to_llama if shape == "8b" else apply_liger_kernel_to_qwen2
    patch(rope=True, rms_norm=True, swiglu=swiglu, cross_entropy=False, fused_linear_cross_entropy=True)


def axolotl(model, shape):
    """What Axolotl's configuration does to a model when its LoRA kernels are switched on: q, k and v in one function, o and the MLP in theirs."""
    from axolotl.kernels.lora import apply_lora_mlp_swiglu, apply_lora_o, apply_lora_qkv
    from transformers.models.llama import modeling_llama
    from transformers.models.qwen2 import modeling_qwen2
    module, name = (modeling_llama, "LlamaAttention") if shape == "8b" else (modeling_qwen2, "Qwen2Attention")
    attention = getattr(module, name)
    text = textwrap.dedent(inspect.getsource(attention.forward))
    first = next(line for line in text.split("\n") if "self.q_proj(hidden_states)" in line)
    indent = first[:len(first) - len(first.lstrip())]
    changed = text.replace(first, f"{indent}q_, k_, v_ = self.apply_qkv(hidden_states)\n{first}")
    for old, new in (("self.q_proj(hidden_states)", "q_"), ("self.k_proj(hidden_states)", "k_"), ("self.v_proj(hidden_states)", "v_"),
                     ("self.o_proj(attn_output)", "self.apply_o(attn_output)")):
        if changed.count(old) != 1:
            raise SystemExit(f"expected {old} once in {name}.forward of this Transformers")
        changed = changed.replace(old, new)
    space = dict(vars(module))
    exec(changed, space)  # the text of the installed Transformers with four calls replaced
    attention.forward = space["forward"]
    for layer in model.base_model.model.model.layers:
        layer.self_attn.apply_qkv = types.MethodType(apply_lora_qkv, layer.self_attn)
        layer.self_attn.apply_o = types.MethodType(apply_lora_o, layer.self_attn)
        layer.mlp.forward = types.MethodType(apply_lora_mlp_swiglu, layer.mlp)


def in_nf4(model):
    import bitsandbytes
    import torch
    for layer in model.model.layers:
        for parent in (layer.self_attn, layer.mlp):
            for name, child in list(parent.named_children()):
                if isinstance(child, torch.nn.Linear):
                    four = bitsandbytes.nn.Linear4bit(child.in_features, child.out_features, bias=child.bias is not None, compute_dtype=torch.bfloat16,
                                                      compress_statistics=True, quant_type="nf4", device="meta")
                    four.weight = bitsandbytes.nn.Params4bit(child.weight.data.cpu(), requires_grad=False, compress_statistics=True, quant_type="nf4").to("cuda")
                    four.bias = child.bias
                    setattr(parent, name, four)
    model.is_loaded_in_4bit = True
    torch.cuda.empty_cache()
    return model


def unsloth(folder, mode, length):
    import torch
    from unsloth import FastLanguageModel
    checkpointing = "unsloth" if mode.endswith("checkpoint") else False
    model, _ = FastLanguageModel.from_pretrained(folder, max_seq_length=length, dtype=torch.bfloat16, load_in_4bit=mode == "unsloth-4bit", fix_tokenizer=False,
                                                 use_gradient_checkpointing=checkpointing, local_files_only=True)
    return FastLanguageModel.get_peft_model(model, r=16, target_modules=TARGETS, lora_alpha=32, lora_dropout=0, bias="none", use_gradient_checkpointing=checkpointing,
                                            random_state=0, max_seq_length=length)


def peft(mode, shape, folder):
    from peft import LoraConfig, get_peft_model
    if mode in ("liger", "axolotl"):
        liger(shape, swiglu=mode == "liger")
    model = from_folder(folder) if folder else random_model(shape)
    if mode in ("checkpoint", "bf16-checkpoint"):
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if mode == "qlora":
        model = in_nf4(model)
    targets = TARGETS[:4] if shape == "moe" else TARGETS  # experts stay as they are on both sides
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, task_type="CAUSAL_LM", target_modules=targets), autocast_adapter_dtype=not mode.startswith("bf16"))
    if mode == "axolotl":
        axolotl(model, shape)
    return model


def batches(mode, vocabulary, rows, length):
    """What each step is given, and its tokens. Lengths and answers of conversations are those of Batches.java, by another generator."""
    import torch
    random = torch.Generator().manual_seed(1)
    while True:
        if mode != "unsloth-packed":
            ids = torch.randint(0, vocabulary, (rows, length), device="cuda")
            yield dict(input_ids=ids, labels=ids), ids.numel()
            continue
        lengths = (330 * (0.9 * torch.randn(rows, generator=random)).exp()).long().clamp(16, length)
        ids = torch.randint(0, vocabulary, (1, int(lengths.sum())), device="cuda")
        positions = torch.cat([torch.arange(n) for n in lengths.tolist()]).unsqueeze(0)
        answers = torch.cat([(torch.arange(n) >= max(1, int(n * (0.15 + 0.6 * torch.rand(1, generator=random))))) for n in lengths.tolist()])
        labels = torch.where(answers.cuda(), ids, -100)
        yield dict(input_ids=ids, labels=labels, position_ids=positions.cuda(), packed_seq_lengths=lengths.int()), ids.numel()


def run(mode, shape, rows, length, folder=None):
    os.environ.update(UNSLOTH_DISABLE_STATISTICS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    if mode.startswith("unsloth"):
        import unsloth as _  # it wants to be imported before Transformers
    import torch
    model = unsloth(folder, mode, length) if mode.startswith("unsloth") else peft(mode, shape, folder)
    model.train()
    factors = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(factors, lr=2e-4, weight_decay=0.0, fused=True)
    step = torch.compile(model) if mode == "compile" else model
    losses, at, tokens = [], [], []
    packed = mode == "unsloth-packed"
    for given, count in itertools.islice(batches(mode, model.config.vocab_size, rows, length), 4 * STEPS if packed else STEPS):
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=not mode.startswith("bf16")):
            loss = step(**given).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        torch.cuda.synchronize()
        at.append(time.time())
        tokens.append(count)
    seconds = sorted(b - a for a, b in zip(at[WARM:], at[WARM + 1:]))
    half = len(at) // 2
    speed = sum(tokens[half:]) / (at[-1] - at[half - 1]) if packed else rows * length / seconds[len(seconds) // 2]
    print(json.dumps(dict(mode=mode, tokens_per_second=speed, first_step_seconds=at[0] - float(os.environ["TUNEBOOK_BENCH_STARTED"]), loss=losses[-1],
                          allocated_gib=torch.cuda.max_memory_allocated() / 2**30)))


if __name__ == "__main__":
    run(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), *sys.argv[6:7])
