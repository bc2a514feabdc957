"""Training on a GPU against PEFT on the same GPU: 50 steps of small models of each architecture, with rsLoRA, DoRA, accumulation and clipping. PEFT computes in float32 and
in bfloat16 (base in bfloat16, autocast), Tunebook in bfloat16 by every path it has: kernels and graphs, padded, packed, checkpointed, and by two GPUs if there are two.

The bound: no loss of ours is farther from PEFT's in float32 than half the farthest of PEFT's own in bfloat16, or one percent, five with products in FP8. A quantized model gives the losses of the same
weights expanded within half a percent. Each kernel is held against PyTorch's own operators by KernelCheck. Exit status 1 if something is missed.

    python bench/train_gpu_exact.py [--only gpt_oss qwen3_moe ...]      # the cases of these architectures
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import peft
import torch
import training


TEXT_PART = "its text part is computed as a model that is here"
LEFT_OUT = {"phi3": "its factors for long texts are for narrower heads", "gemma3_vision": TEXT_PART, "mistral3": TEXT_PART, "qwen2_5_vl": TEXT_PART,
            "qwen3_vl": TEXT_PART, "qwen3_5_vision": TEXT_PART, "qwen3_5_moe_vision": TEXT_PART, "gpt_oss_mxfp4": "its experts have the same steps as gpt_oss's"}
EIGHT_BITS = 0.05


def reference():
    """bench/reference/training.py for models as wide as the kernels want them."""
    path = pathlib.Path(__file__).parent / "reference/training.py"
    spec = importlib.util.spec_from_file_location("reference_training", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.VOCABULARY = 512
    module.COMMON |= dict(hidden_size=256, intermediate_size=512, num_attention_heads=4, num_key_value_heads=2, vocab_size=512)
    configs = {name: config for name, config in module.configs().items() if name not in LEFT_OUT}
    module.CASES = {name: case for name, case in module.CASES.items() if case.get("architecture", "llama") in configs}
    for config in configs.values():
        config.head_dim = 64
        if hasattr(config, "linear_key_head_dim"):
            config.linear_key_head_dim = config.linear_value_head_dim = 64
            config.linear_num_key_heads, config.linear_num_value_heads = 8, 16  # eight bits want 16 rows of in_proj_a and in_proj_b
    return module, configs


def peer(module, config, case, dtype, initial, save=None) -> list:
    torch.manual_seed(3)
    base = module.tiny(config).to(dtype)
    lora = peft.LoraConfig(r=case["rank"], lora_alpha=case["alpha"], target_modules=case["targets"], use_rslora=case["rslora"], use_dora=case["dora"],
                           lora_dropout=0.0, task_type="CAUSAL_LM", target_parameters=case["parameters"] or None)
    model = peft.get_peft_model(base, lora)
    if save:
        module.save_adapter(model, initial)
    else:
        peft.set_peft_model_state_dict(model, peft.load_peft_weights(initial, device="cuda"))
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        return module.train(model, module.documents(), case)


def farthest(these: list, those: list) -> float:
    return max(abs(a - b) / b for a, b in zip(these, those))


def main() -> None:
    torch.set_default_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = False
    module, configs = reference()
    if sys.argv[1:2] == ["--only"]:
        configs = {name: config for name, config in configs.items() if name in sys.argv[2:]}
        module.CASES = {name: case for name, case in module.CASES.items() if case.get("architecture", "llama") in configs}
    for name, why in LEFT_OUT.items():
        print(f"{name} is left out: {why}")
    root = pathlib.Path(tempfile.mkdtemp(prefix="tunebook-exact"))
    out = root / "io/tunebook/reference"
    out.mkdir(parents=True)
    (out / "documents.json").write_text(json.dumps(module.documents()))
    for name, config in configs.items():
        model = module.tiny(config)
        model.config.save_pretrained(out / name)
        module.save_tokenizer(out / name)
        module.save_weights(model, out / name)
    # ranks that have kernels of their own
    if "llama" in configs:
        module.CASES |= {"rank8": dict(rank=8, alpha=8), "rank16": dict(rank=16, alpha=16, accumulation=2), "rank32": dict(rank=32, alpha=32)}
    bounds = {}
    for name, changes in module.CASES.items():
        case = module.PLAIN | changes
        folder = out / "cases" / name
        case["losses"] = peer(module, configs[case["architecture"]], case, torch.float32, folder / "initial", save=True)
        coarse = peer(module, configs[case["architecture"]], case, torch.bfloat16, folder / "initial")
        bounds[name] = (case["losses"], farthest(coarse, case["losses"]))
        (folder / "case.json").write_text(json.dumps(case))
    gguf = training.random_q4_k(root / "small.gguf", training.LLAMA_8B | dict(vocab_size=512, hidden_size=512, intermediate_size=1024, num_hidden_layers=2,
                                                                              num_attention_heads=8, num_key_value_heads=4))
    classpath = training.classpath()
    missed = subprocess.run(["java", "-cp", classpath, "io.tunebook.bench.KernelCheck"]).returncode
    command = ["java", "-Xmx1g", f"-Dreference={out}", "-cp", classpath, "io.tunebook.bench.TrainExact", ",".join(module.CASES), str(gguf)]
    ran = subprocess.run(command + (["two"] if torch.cuda.device_count() > 1 else []), stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}")
    losses = json.loads(ran.stdout.strip().splitlines()[-1])
    for path, ours in losses.items():
        if "/" in path:
            exact, theirs = bounds[path.split("/")[0]]
            found, bound = farthest(ours, exact), max(theirs / 2, EIGHT_BITS if path.endswith("/fp8") else 0.01)
            print(f"{path:28s} farthest from PEFT in float32: {found:.2e}; PEFT in bfloat16: {theirs:.2e}; {'kept' if found <= bound else 'MISSED'}")
            missed += found > bound
    found = farthest(losses["blocks"], losses["expanded"])
    print(f"{'Q4_K blocks':28s} farthest from the same weights expanded: {found:.2e}; {'kept' if found <= 0.005 else 'MISSED'}")
    missed += found > 0.005
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
