"""Golden files of models, adapters and training: tiny random models of each architecture, their logits by Transformers, adapters and
their logits by PEFT, the losses of 50 steps by PEFT and torch.optim.AdamW, and 64 greedy tokens of SmolLM2 by Transformers.

    python bench/reference/training.py                      # all but SmolLM2
    python bench/reference/training.py --only gemma3 ...    # these architectures and their cases, the others as they are
    python bench/reference/training.py --generation         # generation.json alone, from the models and adapters that are there
    python bench/reference/training.py --older-experts      # older_experts/ alone
    python bench/reference/training.py smollm2.gguf         # SmolLM2's greedy tokens, dequantised by Transformers
    python bench/reference/training.py --check FOLDER       # logits with an adapter that Tunebook saved, as JSON
"""

import json
import pathlib
import random
import shutil
import sys

import peft
import tokenizers
import torch
import transformers
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/reference"
VOCABULARY = 96
STEPS = 50
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PHI = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
DELTA = ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"]
GLM = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"]
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
          "rope_theta": 10000.0}
YARN = {"rope_type": "yarn", "rope_theta": 500000.0, "factor": 4.0, "original_max_position_embeddings": 64}
SLIDING, FULL = ["sliding_attention"], ["full_attention"]
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "short_factor": [1.0, 1.1, 1.2], "long_factor": [1.0, 2.0, 7.0],
            "original_max_position_embeddings": 32}
MROPE = {"mrope_section": [2, 1, 1]}  # of text all three positions are the same
COMMON = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              vocab_size=VOCABULARY, max_position_embeddings=256, bos_token_id=1, eos_token_id=2)

EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)


def configs() -> dict:
    plain = {"rope_type": "default", "rope_theta": 1000000.0}
    gemma3 = COMMON | dict(num_hidden_layers=6, head_dim=16, query_pre_attn_scalar=16, sliding_window=5, layer_types=SLIDING * 5 + FULL, rms_norm_eps=1e-6)
    # twice as many value heads as key heads, so that GGUF has them in another order; attention in every second layer
    qwen3_5 = COMMON | dict(num_hidden_layers=4, full_attention_interval=2, head_dim=16, rms_norm_eps=1e-6, linear_key_head_dim=32, linear_value_head_dim=32, linear_num_key_heads=2,
                            linear_num_value_heads=4, rope_parameters=MROPE | dict(rope_type="default", rope_theta=10000000.0, partial_rotary_factor=0.5, mrope_interleaved=True))
    qwen3_5_moe = {k: v for k, v in qwen3_5.items() if k != "intermediate_size"} | dict(num_hidden_layers=2, num_experts=6, num_experts_per_tok=3,
                                                                                        moe_intermediate_size=32, shared_expert_intermediate_size=64, tie_word_embeddings=False)
    gpt_oss = transformers.GptOssConfig(**COMMON | dict(intermediate_size=COMMON["intermediate_size"] // 2), head_dim=16, sliding_window=5, layer_types=SLIDING + FULL,
                                        num_local_experts=6, num_experts_per_tok=3, rms_norm_eps=1e-5, tie_word_embeddings=False,
                                        rope_parameters=YARN | dict(rope_theta=150000.0, beta_fast=32.0, beta_slow=1.0, truncate=False))
    return {
        "llama": transformers.LlamaConfig(**COMMON, rope_parameters=LLAMA3, tie_word_embeddings=True, rms_norm_eps=1e-5),
        "qwen2": transformers.Qwen2Config(**COMMON, rope_parameters=plain, tie_word_embeddings=False, rms_norm_eps=1e-6),
        "qwen3": transformers.Qwen3Config(**COMMON, rope_parameters=plain, head_dim=16, tie_word_embeddings=True, rms_norm_eps=1e-6),
        "mistral": transformers.MistralConfig(**COMMON, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, head_dim=8,
                                              sliding_window=None, tie_word_embeddings=False, rms_norm_eps=1e-5),
        "mistral_window": transformers.MistralConfig(**COMMON, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
                                                     head_dim=8, sliding_window=5, tie_word_embeddings=False, rms_norm_eps=1e-5),
        "gemma3": transformers.Gemma3TextConfig(**COMMON | dict(num_hidden_layers=6), head_dim=16, query_pre_attn_scalar=16, sliding_window=5,
                                                layer_types=SLIDING * 5 + FULL, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                                rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                                                                 "full_attention": {"rope_type": "linear", "factor": 8.0,
                                                                                    "rope_theta": 1000000.0}}),
        "smollm3": transformers.SmolLM3Config(**COMMON | dict(num_hidden_layers=4), rope_parameters=plain, no_rope_layers=[1, 1, 1, 0], use_sliding_window=False,
                                              pad_token_id=0, tie_word_embeddings=True, rms_norm_eps=1e-6),
        "granite": transformers.GraniteConfig(**COMMON, rope_parameters=plain, embedding_multiplier=12.0, residual_multiplier=0.22,
                                              attention_multiplier=0.1, logits_scaling=8.0, attention_bias=True, tie_word_embeddings=True, rms_norm_eps=1e-5),
        "olmo2": transformers.Olmo2Config(**COMMON, rope_parameters=plain, tie_word_embeddings=False, rms_norm_eps=1e-6, pad_token_id=0),
        "olmo3": transformers.Olmo3Config(**COMMON | dict(num_hidden_layers=4), sliding_window=5, layer_types=SLIDING * 3 + FULL, tie_word_embeddings=False, rms_norm_eps=1e-6,
                                          pad_token_id=0,
                                          rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}, "full_attention": YARN}),
        # llama.cpp takes this one only where the heads together are as wide as the residual
        "exaone4": transformers.Exaone4Config(**COMMON, rope_parameters=plain, head_dim=8, sliding_window=None, layer_types=FULL * 2, tie_word_embeddings=True, rms_norm_eps=1e-5),
        "exaone4_window": transformers.Exaone4Config(**COMMON | dict(num_hidden_layers=4), rope_parameters=plain, head_dim=8, sliding_window=5, layer_types=SLIDING * 3 + FULL,
                                                     tie_word_embeddings=False, rms_norm_eps=1e-5),
        "seed_oss": transformers.SeedOssConfig(**COMMON, rope_parameters=plain, head_dim=16, attention_bias=True, attention_out_bias=False,
                                               tie_word_embeddings=False, rms_norm_eps=1e-6),
        # short factors for the documents, long ones for the 48 tokens of the logits
        "phi3": transformers.Phi3Config(**COMMON | dict(hidden_size=48), rope_parameters=LONGROPE, original_max_position_embeddings=32, partial_rotary_factor=0.5,
                                        sliding_window=40, tie_word_embeddings=False, rms_norm_eps=1e-5, pad_token_id=0),
        "glm4": transformers.Glm4Config(**COMMON, rope_parameters=plain | {"partial_rotary_factor": 0.5}, head_dim=16, attention_bias=True,
                                        tie_word_embeddings=False, rms_norm_eps=1e-5, pad_token_id=0),
        # llama.cpp takes this one only where the heads together are as wide as the residual
        "glm": transformers.GlmConfig(**COMMON, rope_parameters=plain | {"partial_rotary_factor": 0.5}, head_dim=8, attention_bias=True,
                                      tie_word_embeddings=False, rms_norm_eps=1e-5, pad_token_id=0),
        "ernie4_5": transformers.Ernie4_5Config(**COMMON, rope_parameters=plain, head_dim=16, tie_word_embeddings=True, rms_norm_eps=1e-5),
        "hunyuan_v1_dense": transformers.HunYuanDenseV1Config(**COMMON, rope_parameters={"rope_type": "dynamic", "alpha": 1000.0, "factor": 1.0, "rope_theta": 10000.0},
                                                              head_dim=16, tie_word_embeddings=True, rms_norm_eps=1e-5),
        "ministral3": transformers.Ministral3Config(**COMMON, head_dim=16, tie_word_embeddings=False, rms_norm_eps=1e-5, rope_parameters=dict(
            rope_type="yarn", rope_theta=500000.0, factor=4.0, original_max_position_embeddings=64, llama_4_scaling_beta=0.1, mscale=1.0, mscale_all_dim=1.0,
            beta_fast=32.0, beta_slow=1.0)),
        # four of ten experts, so that some have no token of a short batch
        "qwen3_moe": transformers.Qwen3MoeConfig(**COMMON, rope_parameters=plain, head_dim=16, num_experts=10, num_experts_per_tok=4, moe_intermediate_size=24,
                                                 norm_topk_prob=True, tie_word_embeddings=False, rms_norm_eps=1e-6),
        "qwen2_moe": transformers.Qwen2MoeConfig(**COMMON, rope_parameters=plain, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=32,
                                                 shared_expert_intermediate_size=48, norm_topk_prob=False, tie_word_embeddings=False, rms_norm_eps=1e-6),
        "qwen3_5": transformers.Qwen3_5TextConfig(**qwen3_5, tie_word_embeddings=True),
        "qwen3_5_moe": transformers.Qwen3_5MoeTextConfig(**qwen3_5_moe),
        "gpt_oss": gpt_oss,
        "gpt_oss_mxfp4": gpt_oss,  # experts in the four bits that OpenAI publishes them in
        # the text parts of models that see
        "gemma3_vision": transformers.Gemma3Config(text_config=gemma3, vision_config=VISION | dict(model_type="siglip_vision_model"), mm_tokens_per_image=1,
                                                   image_token_index=90, boi_token_index=91, eoi_token_index=92, tie_word_embeddings=True),
        "mistral3": transformers.Mistral3Config(text_config=COMMON | dict(model_type="mistral", head_dim=16, rms_norm_eps=1e-5, sliding_window=None, rope_parameters=plain),
                                                vision_config=VISION | dict(model_type="pixtral"), image_token_index=90, tie_word_embeddings=False),
        "qwen2_5_vl": transformers.Qwen2_5_VLConfig(text_config=COMMON | dict(rms_norm_eps=1e-6, rope_parameters=plain | MROPE), vision_config=dict(
            depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=32), tie_word_embeddings=True, image_token_id=90, video_token_id=91,
                                                    vision_start_token_id=92, vision_end_token_id=93),
        "qwen3_vl": transformers.Qwen3VLConfig(text_config=COMMON | dict(rms_norm_eps=1e-6, head_dim=8, rope_parameters=plain | MROPE), vision_config=dict(
            depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=32, deepstack_visual_indexes=[0], num_position_embeddings=4),
                                               tie_word_embeddings=False, image_token_id=90, video_token_id=91, vision_start_token_id=92, vision_end_token_id=93),
        "qwen3_5_vision": transformers.Qwen3_5Config(text_config=qwen3_5 | dict(linear_num_key_heads=4), vision_config=dict(
            depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=32, num_position_embeddings=4), tie_word_embeddings=False, image_token_id=90,
                                                     video_token_id=91, vision_start_token_id=92, vision_end_token_id=93),
        "qwen3_5_moe_vision": transformers.Qwen3_5MoeConfig(text_config=qwen3_5_moe | dict(linear_num_key_heads=4), vision_config=dict(
            depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=32, num_position_embeddings=4), tie_word_embeddings=False, image_token_id=90,
                                                            video_token_id=91, vision_start_token_id=92, vision_end_token_id=93),
    }


def tiny(config) -> torch.nn.Module:
    torch.manual_seed(1)
    auto = transformers.AutoModelForImageTextToText if hasattr(config, "vision_config") else transformers.AutoModelForCausalLM
    model = auto.from_config(config, dtype=torch.float32)
    centred = {f"{name}.weight" for name, module in model.named_modules() if type(module).__name__ in ("Qwen3_5RMSNorm", "Qwen3_5MoeRMSNorm")}  # weights are their distance from 1
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name:
                p.copy_((name not in centred) + 0.2 * torch.randn_like(p))
            elif p.ndim == 1:
                p.copy_(0.2 * torch.randn_like(p))
            elif "embed" in name:
                p.copy_(0.3 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * 1.2 / p.shape[1] ** 0.5)
            if name.endswith("gate_up_proj") and hasattr(config, "swiglu_limit"):
                p.mul_(3)  # so that some reach the limit
    return model.eval()


def documents() -> list:
    """Micro-batches of four documents each: [tokens, how many of them are the prompt]. A token mostly follows from the one before."""
    rng = random.Random(5)
    batches = []
    for _ in range(2 * STEPS):
        batch = []
        for _ in range(4):
            ids = [rng.randrange(3, VOCABULARY)]
            for _ in range(rng.randrange(4, 16)):
                ids.append((5 * ids[-1] + 7) % (VOCABULARY - 3) + 3 if rng.random() < 0.9 else rng.randrange(3, VOCABULARY))
            batch.append([ids, rng.randrange(1, 4)])
        batches.append(batch)
    return batches


def padded(batch: list) -> dict:
    width = max(len(ids) for ids, _ in batch)
    rows = [(ids + [0] * (width - len(ids)), [1] * len(ids) + [0] * (width - len(ids)),
             [-100] * prompt + ids[prompt:] + [-100] * (width - len(ids))) for ids, prompt in batch]
    ids, mask, labels = (torch.tensor(part) for part in zip(*rows))
    return dict(input_ids=ids, attention_mask=mask), labels


def train(model, batches: list, case: dict) -> list:
    """The loop of Transformers' Trainer: the loss is the mean over all counted tokens of a step."""
    factors = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(factors, lr=case["learningRate"], weight_decay=case["weightDecay"], betas=tuple(case["betas"]))
    scheduler = transformers.get_scheduler(case["schedule"], optimizer, num_warmup_steps=case["warmupSteps"],
                                           num_training_steps=STEPS)
    losses = []
    for step in range(STEPS):
        micro = batches[step * case["accumulation"]:(step + 1) * case["accumulation"]]
        prepared = [padded(b) for b in micro]
        counted = sum(int((labels[:, 1:] != -100).sum()) for _, labels in prepared)
        total = 0.0
        for inputs, labels in prepared:
            logits = model(**inputs).logits.float()
            loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum") / counted
            loss.backward()
            total += loss.item()
        if case["clip"]:
            torch.nn.utils.clip_grad_norm_(factors, case["clip"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(total)
    return losses


PLAIN = dict(architecture="llama", rank=4, alpha=8, targets=LINEARS, parameters=[], rslora=False, dora=False, accumulation=1, clip=0.0,
             learningRate=5e-3, schedule="linear", warmupSteps=5, weightDecay=0.0, betas=[0.9, 0.999])
CASES = {
    "plain": {},
    "accumulation": dict(accumulation=2, clip=0.5),
    "rslora": dict(rslora=True),
    "dora": dict(dora=True),
    "decay": dict(weightDecay=0.1, schedule="cosine", betas=[0.8, 0.95], targets=["q_proj", "v_proj"], learningRate=2e-2),
    "constant": dict(schedule="constant_with_warmup"),
    "qwen2": dict(architecture="qwen2"),
    "qwen3": dict(architecture="qwen3", dora=True),
    "mistral": dict(architecture="mistral", rslora=True, accumulation=2),
} | {name: dict(architecture=name) for name in ["mistral_window", "gemma3", "smollm3", "granite", "olmo2", "olmo3", "exaone4", "exaone4_window", "seed_oss", "ernie4_5", "hunyuan_v1_dense", "ministral3"]}
# with steps five times as large PEFT's own losses in float32 are 1e-4 from those in float64
CASES |= {"qwen3_5": dict(architecture="qwen3_5", targets=LINEARS + DELTA, learningRate=1e-3),
          "qwen3_5_dora": dict(architecture="qwen3_5", targets=["q_proj", "in_proj_qkv", "out_proj"], dora=True, learningRate=1e-3)}
# the three linears of the MLP are here those of the shared expert
CASES |= {"qwen3_5_moe": dict(architecture="qwen3_5_moe", targets=LINEARS + DELTA, learningRate=1e-3),
          "qwen3_5_moe_dora": dict(architecture="qwen3_5_moe", targets=["v_proj", "in_proj_z", "up_proj", "down_proj"], dora=True, learningRate=1e-3),
          "qwen3_5_moe_experts": dict(architecture="qwen3_5_moe", targets=["o_proj", "out_proj", "gate_proj"], parameters=EXPERTS, rank=2, learningRate=1e-3)}
CASES |= {"qwen2_moe": dict(architecture="qwen2_moe", targets=LINEARS), "qwen2_moe_experts": dict(architecture="qwen2_moe", targets=["up_proj"], parameters=EXPERTS, rank=2)}
CASES |= {name: dict(architecture=name, targets=PHI) for name in ["phi3"]}
CASES |= {name: dict(architecture=name, targets=GLM) for name in ["glm", "glm4"]}
CASES |= {name: dict(architecture=name, targets=LINEARS[:4]) for name in ["qwen3_moe", "gpt_oss"]}
CASES |= {f"{name}_experts": dict(architecture=name, targets=["q_proj", "v_proj"], parameters=EXPERTS, rank=2) for name in ["qwen3_moe", "gpt_oss"]}
CASES |= {"gpt_oss_down": dict(architecture="gpt_oss", targets=["o_proj"], parameters=EXPERTS[1:], rank=3, rslora=True)}
CASES |= {name: dict(architecture=name, targets=f".*language_model.*\\.({'|'.join(LINEARS)})")
          for name in ["gemma3_vision", "mistral3", "qwen2_5_vl", "qwen3_vl"]}
CASES |= {name: dict(architecture=name, targets=f".*language_model.*\\.({'|'.join(LINEARS + DELTA)})", learningRate=1e-3) for name in ["qwen3_5_vision", "qwen3_5_moe_vision"]}


def save_tokenizer(folder: pathlib.Path) -> None:
    """A word for every id: the models cannot be loaded without a tokenizer."""
    words = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def save_adapter(model, folder: pathlib.Path) -> None:
    model.save_pretrained(folder)
    (folder / "README.md").unlink()


MXFP4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def save_blocks(model, folder: pathlib.Path) -> torch.nn.Module:
    """Rounds experts to MXFP4 (OCP Microscaling Formats) and saves them so, rows of outputs; returns what Transformers reads of it."""
    keep = {}
    for name, p in model.state_dict().items():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            keep[name] = p.contiguous()
            continue
        x = p.transpose(1, 2).unflatten(2, (-1, 32))  # [experts, out, blocks, 32]
        exponent = x.abs().amax(3).log2().floor() - 2
        near = (x.abs() / exponent.exp2().unsqueeze(3)).unsqueeze(4) - torch.tensor(MXFP4)
        codes = (near.abs().argmin(4) + 8 * (x < 0)).to(torch.uint8)
        keep[f"{name}_blocks"] = codes[..., 0::2] | codes[..., 1::2] << 4
        keep[f"{name}_scales"] = (exponent + 127).to(torch.uint8)
    save_file(keep, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=transformers.Mxfp4Config(dequantize=True)).eval()


def save_weights(model, folder: pathlib.Path) -> None:
    config = model.config
    if hasattr(config, "vision_config") or hasattr(config, "num_experts"):  # under the names that such files have
        stacked = config.model_type == "qwen3_5_moe"  # as Qwen publishes it: the experts of a layer are one tensor
        model.save_pretrained(folder, save_original_format=not stacked)
    else:
        keep = {n: p.cpu().contiguous() for n, p in model.state_dict().items() if not (config.tie_word_embeddings and n == "lm_head.weight")}
        save_file(keep, folder / "model.safetensors", metadata={"format": "pt"})


def make(only: list) -> None:
    models = {name: config for name, config in configs().items() if not only or name in only}
    cases = {name: changes for name, changes in CASES.items() if (PLAIN | changes)["architecture"] in models}
    for old in [*(f"cases/{name}" for name in cases), *models]:
        shutil.rmtree(OUT / old, ignore_errors=True)
    torch.manual_seed(2)
    batches = documents()
    ids = torch.tensor([sum((d[0] for d in batches[0] + batches[1]), [])[:48]])
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "documents.json").write_text(json.dumps(batches, separators=(",", ":")))
    for name, config in models.items():
        model = tiny(config)
        model.config.save_pretrained(OUT / name)
        save_tokenizer(OUT / name)
        if name == "gpt_oss_mxfp4":
            model = save_blocks(model, OUT / name)
        else:
            save_weights(model, OUT / name)
        with torch.no_grad():
            save_file({"ids": ids.float(), "logits": model(ids).logits}, OUT / name / "logits.safetensors")
    for name, changes in cases.items():
        case = PLAIN | changes
        folder = OUT / "cases" / name
        model = tiny(models[case["architecture"]])
        torch.manual_seed(3)
        config = peft.LoraConfig(r=case["rank"], lora_alpha=case["alpha"], target_modules=case["targets"], use_rslora=case["rslora"],
                                 use_dora=case["dora"], lora_dropout=0.0, task_type="CAUSAL_LM", target_parameters=case["parameters"] or None)
        wrapped = peft.get_peft_model(model, config)
        save_adapter(wrapped, folder / "initial")
        case["losses"] = train(wrapped, batches, case)
        save_adapter(wrapped, folder / "final")
        with torch.no_grad():
            save_file({"logits": wrapped(ids).logits}, folder / "logits.safetensors")
        if name == "plain":
            coarse = peft.get_peft_model(tiny(models["llama"]).bfloat16(), config)
            peft.set_peft_model_state_dict(coarse, peft.load_peft_weights(folder / "initial"))
            case["bfloat16"] = train(coarse, batches, case)
        (folder / "case.json").write_text(json.dumps(case, separators=(",", ":")))
        print(f"{name:14s} loss {case['losses'][0]:.4f} → {case['losses'][-1]:.4f}")


def older_experts() -> None:
    """An adapter from before Transformers 5, in which each expert had modules of its own, and its logits by PEFT, which makes parameters of all experts of it."""
    folder, rank = OUT / "older_experts", 2
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    torch.manual_seed(6)
    config = json.loads((OUT / "qwen3_moe/config.json").read_text())
    width, inner = config["hidden_size"], config["moe_intermediate_size"]
    factors = {}
    for layer in range(config["num_hidden_layers"]):
        for expert in range(config["num_local_experts"]):
            for name, (rows, columns) in {"gate_proj": (inner, width), "up_proj": (inner, width), "down_proj": (width, inner)}.items():
                module = f"base_model.model.model.layers.{layer}.mlp.experts.{expert}.{name}"
                factors[f"{module}.lora_A.weight"] = 0.2 * torch.randn(rank, columns)
                factors[f"{module}.lora_B.weight"] = 0.2 * torch.randn(rows, rank)
    save_file(factors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps(dict(peft_type="LORA", task_type="CAUSAL_LM", base_model_name_or_path="qwen3_moe", r=rank, lora_alpha=6, lora_dropout=0.0,
                                                                target_modules=["gate_proj", "up_proj", "down_proj"], bias="none", inference_mode=True), indent=2))
    model = peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained(OUT / "qwen3_moe", dtype=torch.float32), folder).eval()
    plain = transformers.AutoModelForCausalLM.from_pretrained(OUT / "qwen3_moe", dtype=torch.float32).eval()
    ids = torch.tensor([sum((d[0] for d in sum(json.loads((OUT / "documents.json").read_text())[:2], [])), [])[:48]])
    with torch.no_grad():
        logits = model(ids).logits
        print(f"older experts: the adapter changes logits by up to {(logits - plain(ids).logits).abs().max():.2f}")
    save_file({"logits": logits}, folder / "expected.safetensors")


SETTINGS = [
    dict(temperature=1.0), dict(temperature=0.7, top_k=12), dict(temperature=1.5, top_p=0.8), dict(temperature=0.8, min_p=0.1),
    dict(temperature=1.2, top_k=30, top_p=0.9, min_p=0.05), dict(temperature=0.9, top_k=20, top_p=0.7, repetition_penalty=1.4),
]


def generation() -> None:
    """What Transformers' logits processors leave of random logits, and greedy tokens: plain, with a repetition penalty, with an adapter of PEFT's."""
    model = transformers.AutoModelForCausalLM.from_pretrained(OUT / "llama", dtype=torch.float32).eval()
    ids = torch.tensor([json.loads((OUT / "documents.json").read_text())[0][0][0]])
    torch.manual_seed(4)
    draws = []
    for settings in SETTINGS:
        logits = 3 * torch.randn(1, VOCABULARY)
        config = transformers.GenerationConfig(do_sample=True, **({"top_k": 0} | settings))
        processors = model._get_logits_processor(generation_config=config, input_ids_seq_length=ids.shape[1], encoder_input_ids=ids,
                                                 prefix_allowed_tokens_fn=None, logits_processor=transformers.LogitsProcessorList())
        p = torch.softmax(processors(ids, logits.clone()), -1)[0]
        draws.append(dict(settings=settings, logits=logits[0].tolist(), probabilities=p.tolist()))

    def answer(m, **more) -> list:
        return m.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, eos_token_id=None, pad_token_id=0, **more)[0, ids.shape[1]:].tolist()

    found = dict(ids=ids[0].tolist(), draws=draws, greedy=answer(model), penalized=answer(model, repetition_penalty=1.3))
    for name in ("plain", "dora"):
        found[name] = answer(peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained(OUT / "llama", dtype=torch.float32), OUT / "cases" / name / "final").eval())
    (OUT / "generation.json").write_text(json.dumps(found, separators=(",", ":")))


def greedy(path: pathlib.Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    prompt = ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
              "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n")
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
    out = model.generate(ids, max_new_tokens=64, min_new_tokens=64, do_sample=False, repetition_penalty=1.0)[0, ids.shape[1]:]
    with torch.no_grad():
        logits = model(ids).logits[0, -1]
    top = logits.topk(5)
    (OUT / "smollm2-greedy.json").write_text(json.dumps(
        dict(prompt=prompt, ids=ids[0].tolist(), greedy=out.tolist(), text=tokenizer.decode(out),
             topIds=top.indices.tolist(), topLogits=top.values.tolist())))
    print(tokenizer.decode(out))


def check(folder: pathlib.Path) -> None:
    """Loads an adapter beside which architecture.txt names the tiny model; prints the logits of its last position."""
    name = (folder / "architecture.txt").read_text().strip()
    model = transformers.AutoModelForCausalLM.from_pretrained(OUT / name, dtype=torch.float32)
    wrapped = peft.PeftModel.from_pretrained(model, folder).eval()
    ids = torch.tensor([sum((d[0] for d in sum(json.loads((OUT / "documents.json").read_text())[:2], [])), [])[:48]])
    with torch.no_grad():
        print(json.dumps(wrapped(ids).logits[0, -1].tolist()))


if __name__ == "__main__":
    torch.set_num_threads(2)
    if sys.argv[1:2] == ["--check"]:
        check(pathlib.Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--generation"]:
        generation()
    elif sys.argv[1:2] == ["--older-experts"]:
        older_experts()
    elif sys.argv[1:2] == ["--only"]:
        make(sys.argv[2:])
    elif len(sys.argv) > 1:
        greedy(pathlib.Path(sys.argv[1]))
    else:
        make([])
        generation()
        older_experts()
