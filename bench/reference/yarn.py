"""Logits of the tiny Qwen3 with YaRN by Transformers: python bench/reference/yarn.py

Writes src/test/resources/io/tunebook/reference/yarn.json: for each rope scaling the frequencies, the attention factor and
the logits of the last of 200 tokens. Needs transformers and torch on a CPU.
"""

import json
import pathlib

import torch
import transformers

ROOT = pathlib.Path(__file__).parents[2] / "src/test/resources/io/tunebook/reference"
IDS = [(7 * i + i * i // 5) % 96 for i in range(200)]
CASES = [
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
    {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32, "beta_fast": 4, "beta_slow": 0.5},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "attention_factor": 0.8},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "mscale": 1.0, "mscale_all_dim": 0.5},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "truncate": False},
    # what DeepSeek-R1-0528-Qwen3-8B has besides: Transformers does not read attn_factor
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "attn_factor": 0.8782488562869419},
]

cases = []
for case in CASES:
    config = transformers.AutoConfig.from_pretrained(ROOT / "qwen3")
    config.rope_parameters = {"rope_theta": 1000000.0, **case}
    model = transformers.AutoModelForCausalLM.from_pretrained(ROOT / "qwen3", config=config, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0, -1]
    rotary = model.model.rotary_emb
    cases.append(
        {
            "rope_parameters": config.rope_parameters,
            "inverse_frequencies": rotary.inv_freq.tolist(),
            "attention_factor": rotary.attention_scaling,
            "logits": logits.tolist(),
        }
    )
(ROOT / "yarn.json").write_text(json.dumps({"ids": IDS, "cases": cases}, indent=1) + "\n")
