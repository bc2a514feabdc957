"""Writes which modules PEFT adapts, with which rank and scale: src/test/resources/io/tunebook/lora/choices.json.

    pip install torch transformers peft==0.21.2
    python bench/reference/lora_choice.py
"""

import json
import pathlib

import peft
import transformers

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/lora/choices.json"
MODEL = transformers.LlamaConfig(
    vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=12, num_attention_heads=2, num_key_value_heads=1)
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = [
    {"target_modules": "all-linear"},
    {"target_modules": ["q_proj", "mlp.down_proj"]},
    {"target_modules": ["model.layers.3.self_attn.k_proj", "up_proj"]},
    {"target_modules": r".*\.1\d\..*_proj"},
    {"target_modules": "all-linear", "exclude_modules": ["k_proj", "mlp.up_proj", "model.layers.0.self_attn.q_proj"]},
    {"target_modules": "all-linear", "exclude_modules": r".*\.mlp\..*"},
    {"target_modules": r".*_proj", "exclude_modules": ["self_attn.o_proj"]},
    {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": [0, 3, 11, 40]},
    {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": 1},
    {"target_modules": SEVEN, "layers_to_transform": [2], "layers_pattern": "layers"},
    {"target_modules": ["q_proj"], "layers_to_transform": [1, 10], "layers_pattern": ["blocks", "layers"]},
    {"target_modules": ["q_proj"], "layers_to_transform": []},
    {"target_modules": SEVEN, "layers_to_transform": [4], "exclude_modules": ["q_proj"]},
    {"target_modules": "all-linear", "rank_pattern": {"q_proj": 2, "mlp.down_proj": 16}},
    {"target_modules": "all-linear", "rank_pattern": {r"layers\.1\..*": 3, r"layers\.\d+\.mlp\..*": 5, "q_proj": 7},
     "alpha_pattern": {"v_proj": 5, r"model\.layers\.0\.self_attn\.q_proj": 64.5}},
    {"target_modules": "all-linear", "rank_pattern": {"^model.layers.11.mlp.up_proj": 9, "proj": 1, "ayers.3.mlp.up_proj": 2},
     "alpha_pattern": {"^q_proj": 1, "o_proj|k_proj": 3}, "use_rslora": True},
]


def choice(case):
    config = peft.LoraConfig(r=4, lora_alpha=12, **case)
    model = peft.get_peft_model(transformers.LlamaForCausalLM(MODEL), config)
    found = {}
    for name, module in model.base_model.model.named_modules():
        if isinstance(module, peft.tuners.lora.Linear):
            found[name] = {"rank": module.r["default"], "scale": module.scaling["default"]}
    return found


def main():
    golden = {"config": json.loads(MODEL.to_json_string(use_diff=False)), "rank": 4, "alpha": 12,
              "cases": [{"given": case, "found": choice(case)} for case in CASES]}
    golden["config"]["architectures"] = ["LlamaForCausalLM"]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(golden, indent=1) + "\n", "utf-8")
    print(*[len(c["found"]) for c in golden["cases"]])


if __name__ == "__main__":
    main()
