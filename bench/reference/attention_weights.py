"""Attention weights of the tiny models by Transformers: python bench/reference/attention_weights.py

Writes src/test/resources/io/tunebook/reference/attention.json: for each architecture what the heads of the last layer look
at in one text, as eager attention gives it. Needs transformers and torch on a CPU.
"""

import json
import pathlib

import torch
import transformers

ROOT = pathlib.Path(__file__).parents[2] / "src/test/resources/io/tunebook/reference"
IDS = [5, 17, 3, 90, 41, 41, 8]

found = {}
for name in ["llama", "mistral", "qwen2", "qwen3"]:
    model = transformers.AutoModelForCausalLM.from_pretrained(
        ROOT / name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        weights = model(torch.tensor([IDS]), output_attentions=True).attentions
    found[name] = {"layer": len(weights) - 1, "heads": weights[-1][0].tolist()}
(ROOT / "attention.json").write_text(json.dumps({"ids": IDS, "models": found}) + "\n")
