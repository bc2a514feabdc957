"""Golden files of quantised models of safetensors: one tiny model, packed as bitsandbytes (NF4), DeepSeek and Qwen (FP8), AWQ and GPTQ publish theirs, and
the values that come out. NF4 is made by bitsandbytes 0.50 itself, on a CPU; FP8 by PyTorch's own type; the other two, whose packages want a GPU, by their
formats' description in numpy.

    python bench/reference/packed_weights.py
"""

import json
import pathlib
import shutil

import bitsandbytes.functional as bnb
import numpy as np
import torch
import transformers
from safetensors.torch import save_file

RESOURCES = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook"
OUT = RESOURCES / "packed"
CONFIG = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, vocab_size=96,
              max_position_embeddings=64, bos_token_id=1, eos_token_id=2, tie_word_embeddings=True, rms_norm_eps=1e-5)
# bitsandbytes 0.50 on a CPU takes the scale of the first block for all where rows are shorter than a block of 64 values
WIDE = CONFIG | dict(hidden_size=64)
GROUP = 16
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def nf4(w: torch.Tensor) -> tuple:
    codes, state = bnb.quantize_4bit(w.bfloat16(), quant_type="nf4", blocksize=64, compress_statistics=True)
    parts = {f"weight.{k}": v for k, v in state.as_dict(packed=True).items()}
    return {"weight": codes} | parts, bnb.dequantize_4bit(codes, state)


def fp8(w: torch.Tensor) -> tuple:
    rows, columns = 16, 24  # blocks that do not fit evenly
    high, wide = -(-w.shape[0] // rows), -(-w.shape[1] // columns)
    scales = torch.empty(high, wide)
    codes, values = torch.empty_like(w, dtype=torch.float8_e4m3fn), torch.empty_like(w)
    for i in range(high):
        for j in range(wide):
            at = slice(i * rows, (i + 1) * rows), slice(j * columns, (j + 1) * columns)
            scales[i, j] = w[at].abs().max() / 448
            codes[at] = (w[at] / scales[i, j]).to(torch.float8_e4m3fn)
            values[at] = codes[at].float() * scales[i, j]
    return {"weight": codes, "weight_scale_inv": scales}, values


def int4(w: torch.Tensor, awq: bool) -> tuple:
    """w^T [in, out] in groups of inputs: code = round(w / scale) + zero."""
    t = w.t().numpy()
    inputs, outputs = t.shape
    group = np.arange(inputs) // GROUP if awq else np.random.default_rng(3).permutation(np.arange(inputs) // GROUP)
    number = inputs // GROUP
    scales, zeros = np.empty((number, outputs), np.float16), np.empty((number, outputs), np.int64)
    for g in range(number):
        low, high = t[group == g].min(0), t[group == g].max(0)
        scales[g] = (high - low) / 15
        zeros[g] = np.clip(np.round(-low / scales[g].astype(np.float32)), 1, 15)
    s, z = scales.astype(np.float32)[group], zeros[group]
    codes = np.clip(np.round(t / s) + z, 0, 15).astype(np.int64)
    values = torch.from_numpy((codes - z).astype(np.float32) * s).t().contiguous()

    def words(x: np.ndarray, order: list) -> torch.Tensor:  # eight values of the last dimension in each
        eights = x.reshape(*x.shape[:-1], -1, 8)[..., order].astype(np.uint32)
        packed = np.zeros(eights.shape[:-1], np.uint32)
        for i in range(8):
            packed |= eights[..., i] << np.uint32(4 * i)
        return torch.from_numpy(packed.view(np.int32).copy())

    plain = list(range(8))
    if awq:
        parts = {"qweight": words(codes, AWQ_ORDER), "qzeros": words(zeros, AWQ_ORDER)}
    else:  # zeros are stored less one
        parts = {"qweight": words(codes.T, plain).t().contiguous(), "qzeros": words(zeros - 1, plain), "g_idx": torch.from_numpy(group.astype(np.int32))}
    return parts | {"scales": torch.from_numpy(scales)}, values


METHODS = {
    "nf4": (nf4, dict(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)),
    "fp8": (fp8, dict(quant_method="fp8", activation_scheme="dynamic", weight_block_size=[16, 24])),
    "awq": (lambda w: int4(w, True), dict(quant_method="awq", bits=4, group_size=GROUP, version="gemm", zero_point=True)),
    "gptq": (lambda w: int4(w, False), dict(quant_method="gptq", bits=4, group_size=GROUP, desc_act=True, sym=False)),
}

shutil.rmtree(OUT, ignore_errors=True)
for name, (pack, quantization) in METHODS.items():
    torch.manual_seed(6)
    config = WIDE if name == "nf4" else CONFIG
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).float()
    folder = OUT / name
    folder.mkdir(parents=True)
    packed, plain = {}, {}
    for key, p in model.state_dict().items():
        p = p.contiguous().clone()
        if "_proj" in key:
            parts, values = pack(p * 20)
            packed |= {key.removesuffix("weight") + part: v.contiguous() for part, v in parts.items()}
            plain[key] = values.float().contiguous()
            print(name, key, f"{float((plain[key] - p * 20).abs().max() / (p * 20).abs().max()):.3f} of the largest value lost")
        elif key != "lm_head.weight":
            packed[key] = plain[key] = p
    save_file(packed, folder / "model.safetensors", metadata={"format": "pt"})
    save_file(plain, folder / "expected.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(dict(model_type="llama", quantization_config=quantization, **config)))
