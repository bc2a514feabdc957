"""Golden files of adapters that change the embedding or the output beside their factors, as PEFT saves them, with PEFT's logits:
src/test/resources/io/tunebook/lora/embeddings.

    pip install torch transformers peft==0.21.2
    python bench/reference/adapter_embeddings.py

The bases are the tiny models of training.py. Each folder has PEFT's two files, and logits.safetensors with the ids and the logits of the
adapter as PEFT loads it onto a fresh base.
"""

import json
import pathlib
import shutil

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

TEST = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook"
BASES, OUT = TEST / "reference", TEST / "lora/embeddings"
ENDS = ["embed_tokens", "lm_head"]
NEW = [96, 97, 98, 99]
# llama, qwen3 and gemma3 have one matrix for both ends here, qwen2 and mistral have two
CASES = {
    "save-both": dict(base="qwen2", modules_to_save=ENDS),
    "save-embedding": dict(base="qwen2", modules_to_save=["embed_tokens"]),
    "save-output": dict(base="mistral", modules_to_save=["lm_head"]),
    "save-embedding-tied": dict(base="llama", modules_to_save=["embed_tokens"]),
    "save-output-tied": dict(base="llama", modules_to_save=["lm_head"]),
    "save-both-tied": dict(base="llama", modules_to_save=ENDS),
    "save-both-kept-tied": dict(base="llama", modules_to_save=ENDS, ensure_weight_tying=True),
    "save-embedding-kept-tied": dict(base="llama", modules_to_save=["embed_tokens"], ensure_weight_tying=True),
    "tokens": dict(base="qwen2", trainable_token_indices=[5, 90, 7]),
    "tokens-both": dict(base="qwen2", trainable_token_indices={"embed_tokens": [5, 90], "lm_head": [7, 5, 11]}),
    "tokens-output": dict(base="mistral", trainable_token_indices={"lm_head": [7, 5, 11]}),
    "tokens-tied": dict(base="llama", trainable_token_indices=[5, 90, 7]),
    "tokens-tied-gemma": dict(base="gemma3", trainable_token_indices=[5, 90, 7]),
    "tokens-output-tied": dict(base="llama", trainable_token_indices={"lm_head": [7, 5, 11]}),
    "tokens-both-tied": dict(base="llama", trainable_token_indices={"embed_tokens": [5, 90], "lm_head": [7, 5, 11]}),
    "tokens-both-tied-same": dict(base="llama", trainable_token_indices={"embed_tokens": [5, 90], "lm_head": [5, 90]}),
    "factors-kept-tied": dict(base="llama", target_modules=["q_proj", "embed_tokens"], ensure_weight_tying=True),
    "factors-both-tied": dict(base="llama", target_modules=["q_proj", *ENDS]),
    "factors-both": dict(base="qwen2", target_modules=["q_proj", "down_proj", *ENDS]),
    "factors-both-rslora": dict(base="qwen2", target_modules=["q_proj", *ENDS], use_rslora=True, rank_pattern={"lm_head": 4},
                                alpha_pattern={"embed_tokens": 20}),
    "factors-output": dict(base="mistral", target_modules=["q_proj", "lm_head"]),
    "factors-output-dora": dict(base="mistral", target_modules=["q_proj", "lm_head"], use_dora=True),
    "factors-embedding-dora": dict(base="qwen2", target_modules=["q_proj", "embed_tokens"], use_dora=True),
    "factors-embedding-tied": dict(base="llama", target_modules=["q_proj", "embed_tokens"]),
    "factors-embedding-tied-gemma": dict(base="gemma3", target_modules=["q_proj", "embed_tokens"]),
    "factors-output-tied": dict(base="llama", target_modules=["q_proj", "lm_head"]),
    "factors-alone": dict(base="qwen2", target_modules=ENDS),
    "resized": dict(base="qwen2", rows=100),
    "resized-tied": dict(base="llama", rows=100),
    "resized-smaller": dict(base="llama", rows=80),
    "resized-save-both": dict(base="qwen2", rows=100, modules_to_save=ENDS),
    "resized-save-tied": dict(base="llama", rows=100, modules_to_save=["embed_tokens"], ensure_weight_tying=True),
    "resized-tokens": dict(base="qwen2", rows=100, trainable_token_indices=NEW),
    "resized-tokens-tied": dict(base="llama", rows=100, trainable_token_indices=NEW),
    "resized-factors": dict(base="qwen2", rows=100, target_modules=["q_proj", *ENDS]),
}


def base(name: str, rows: int):
    model = transformers.AutoModelForCausalLM.from_pretrained(BASES / name, dtype=torch.float32)
    if rows:
        model.resize_token_embeddings(rows)
    return model.eval()


def make(name: str, base: str, rows: int = 0, target_modules=("q_proj", "v_proj"), **more) -> None:
    torch.manual_seed(11)
    folder = OUT / name
    config = peft.LoraConfig(r=2, lora_alpha=6, target_modules=list(target_modules), lora_dropout=0.0, task_type="CAUSAL_LM", **more)
    wrapped = peft.get_peft_model(globals()["base"](base, rows), config)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.15 * torch.randn_like(parameter))
        if rows:  # as if trained before: new rows that the fresh base has otherwise
            wrapped.get_input_embeddings().weight[-2:] += 0.3
    wrapped.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    ids = torch.tensor([[3, 5, 90, 7, 11, 5, 42, 60, *(NEW if rows == 100 else [])]]) % (rows or 96)
    with torch.no_grad():
        trained = wrapped(ids).logits
        loaded = peft.PeftModel.from_pretrained(globals()["base"](base, rows), folder).eval()
        logits = loaded(ids).logits
        original = globals()["base"](base, rows)(ids).logits
    save_file({"ids": ids.float(), "logits": logits}, folder / "logits.safetensors")
    written = json.loads((folder / "adapter_config.json").read_text())
    written["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(written, indent=2, sort_keys=True))
    keys = [k for k in load_file(folder / "adapter_model.safetensors") if "layers" not in k]
    print(f"{name:30s} loaded as trained {float((trained - logits).abs().max()):.1e}, against the base {float((original - logits).abs().max()):.2f}")
    for key in keys:
        print("    ", key, list(load_file(folder / "adapter_model.safetensors")[key].shape))


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    for name, case in CASES.items():
        make(name, **case)


if __name__ == "__main__":
    main()
