"""Golden files of the format tests: gguf-py's floats for random blocks and its blocks for random floats; tiny models with
PEFT's adapters and the weights that PEFT merges."""

import json
import pathlib
import zlib

import gguf
import numpy as np
import peft
import torch
import transformers
from safetensors.torch import save_file

RESOURCES = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook"
OUT = RESOURCES / "tensors"
TYPES = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
         "IQ4_NL", "IQ4_XS", "MXFP4"]
# Where a block's float16 scales lie, so that they can be made finite.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}


def blocks() -> None:
    """dequantised.gguf: a U8-filled tensor of each type, and the CRC-32 of gguf-py's little-endian floats as metadata."""
    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(OUT / "dequantised.gguf", "test")
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        size, width = gguf.GGML_QUANT_SIZES[kind]
        raw = rng.integers(0, 256, (2, 2048 // size * width), dtype=np.uint8)
        if name in ("F16", "BF16"):
            raw.view(np.uint16)[:] &= 0xBFFF  # no infinities, no NaN
        cells = raw.reshape(-1, width)
        for at in HALVES.get(name, []):
            cells[:, at:at + 2] = rng.normal(0, 0.05, len(cells)).astype(np.float16).view(np.uint8).reshape(-1, 2)
        floats = gguf.quants.dequantize(raw, kind).astype("<f4")
        writer.add_tensor(name, raw, raw_dtype=kind)
        writer.add_uint32(f"crc.{name}", zlib.crc32(floats.tobytes()))
        writer.add_array(f"head.{name}", [float(v) for v in floats.ravel()[:32]])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantised() -> None:
    """quantised.gguf: random floats (as F32) and the blocks that gguf-py makes of them."""
    rng = np.random.default_rng(11)
    values = (rng.standard_t(4, (2, 512)) * 0.02).astype(np.float32)
    values[0, :32] = 0
    values[0, 32:64] = 0.5
    writer = gguf.GGUFWriter(OUT / "quantised.gguf", "test")
    writer.add_tensor("F32", values)
    for name in ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4"]:
        kind = gguf.GGMLQuantizationType[name]
        blocks = gguf.quants.quantize(values, kind).view(np.uint8)
        writer.add_tensor(name, blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name: str) -> str:
    top = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
           "lm_head.weight": "output.weight"}
    if name in top:
        return top[name]
    _, _, layer, rest = name.split(".", 3)
    module, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[module]}.{kind}"


def permuted(array: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's convert_hf_to_gguf.py does to q and k of the architecture llama."""
    return (array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:]).swapaxes(1, 2)
            .reshape(array.shape))


def merged() -> None:
    """A tiny Llama (F16) and a tiny Qwen2 (F32) as GGUF, an adapter of each as PEFT saves it, and what PEFT merges."""
    common = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=2, vocab_size=48, max_position_embeddings=64, tie_word_embeddings=True)
    cases = {
        "llama": (transformers.LlamaForCausalLM(transformers.LlamaConfig(**common)),
                  dict(use_dora=True, rank_pattern={"layers.1.self_attn.q_proj": 2}, alpha_pattern={"down_proj": 3.5})),
        "qwen2": (transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**common)), dict(use_rslora=True)),
    }
    for architecture, (model, extra) in cases.items():
        folder = RESOURCES / "export" / architecture
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(3)
        with torch.no_grad():
            for p in model.parameters():
                p.copy_((torch.randn_like(p) * 0.1).half().float())
        writer = gguf.GGUFWriter(folder / "base.gguf", architecture)
        writer.add_block_count(2)
        writer.add_context_length(64)
        writer.add_embedding_length(32)
        writer.add_feed_forward_length(64)
        writer.add_head_count(4)
        writer.add_head_count_kv(2)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_rope_freq_base(10000.0)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if architecture == "llama" else gguf.LlamaFileType.ALL_F32)
        for name, p in model.state_dict().items():
            if name == "lm_head.weight":
                continue
            array = p.numpy()
            if architecture == "llama" and (".q_proj." in name or ".k_proj." in name):
                array = permuted(array, 4 if ".q_proj." in name else 2)
            writer.add_tensor(gguf_name(name), array.astype(np.float16 if array.ndim > 1 and architecture == "llama" else np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["down_proj", "k_proj", "q_proj"],
                                 task_type="CAUSAL_LM", **extra)
        wrapped = peft.get_peft_model(model, config)
        with torch.no_grad():
            for name, p in wrapped.named_parameters():
                if "lora_" in name:
                    p.copy_(p * 1.1 if "magnitude" in name else torch.randn_like(p) * 0.1)
        wrapped.save_pretrained(folder / "adapter")
        (folder / "adapter" / "README.md").unlink()
        whole = wrapped.merge_and_unload().state_dict()
        keep = {n: p.contiguous() for n, p in whole.items() if any(m in n for m in ("q_proj.w", "k_proj.w", "down_proj"))}
        save_file(keep, folder / "merged.safetensors", metadata={"format": "pt"})


TEXT = ("the house of the old man is by the river and the river runs to the sea 1984 times 'tis, he'll say: "
        "so it's 2,026 – über alles! 你好，世界\n\n  def main(): return 42\n")
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def hub() -> None:
    """Hugging Face folders with tokenizers of their own, adapters, and what Transformers with PEFT answers greedily."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    for architecture in ("llama", "qwen2"):
        folder = RESOURCES / "export" / architecture / "hub"
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = Tokenizer(models.BPE())
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=architecture == "llama")
        first = (pre_tokenizers.Digits(individual_digits=True) if architecture == "llama"
                 else pre_tokenizers.Split(Regex(QWEN2), "isolated"))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, byte_level])
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator([TEXT] * 4, trainers.BpeTrainer(
            vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        (folder / "tokenizer_config.json").write_text(json.dumps(
            {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "chat_template": "{{ messages[0]['content'] }}"}))
        torch.manual_seed(5)
        common = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                      num_key_value_heads=2, vocab_size=336, max_position_embeddings=128, tie_word_embeddings=False,
                      initializer_range=0.3, eos_token_id=2)
        kind = "Llama" if architecture == "llama" else "Qwen2"
        model = getattr(transformers, kind + "ForCausalLM")(getattr(transformers, kind + "Config")(**common))
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "bias" in name:
                    p.normal_(0, 0.3)
            # Only plain ASCII is ever answered, and the end never.
            for token, i in tokenizer.get_vocab().items():
                if not token.replace("Ġ", "").isascii() or token.startswith("<|"):
                    model.lm_head.weight[i] = 0
            model.lm_head.weight[tokenizer.get_vocab_size():] = 0
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        wrapped = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=8, use_dora=architecture == "llama",
                                                             target_modules="all-linear", task_type="CAUSAL_LM"))
        with torch.no_grad():
            for name, p in wrapped.named_parameters():
                if "lora_B" in name:
                    p.normal_(0, 0.2)
        wrapped.peft_config["default"].base_model_name_or_path = None
        wrapped.save_pretrained(folder / "adapter")
        (folder / "adapter" / "README.md").unlink()
        prompt = "the house of the old man"
        ids = tokenizer.encode(prompt).ids
        with torch.no_grad():
            answer = wrapped.generate(input_ids=torch.tensor([ids]), max_new_tokens=32, do_sample=False)[0].tolist()
        (folder / "expected.json").write_text(json.dumps({
            "text": TEXT, "ids": tokenizer.encode(TEXT).ids, "prompt": prompt,
            "answer": tokenizer.decode(answer[len(ids):])}, ensure_ascii=False))


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    blocks()
    quantised()
    merged()
    hub()
