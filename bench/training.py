"""What the benchmarks of training share: our side as a Java process, the peer as a Python process, memory of either, small models to try."""

import glob
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading
import time

import record

ROOT = pathlib.Path(__file__).resolve().parents[1]
QWEN_1_5B = dict(model_type="qwen2", architectures=["Qwen2ForCausalLM"], vocab_size=151936, hidden_size=1536, intermediate_size=8960,
                 num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2, tie_word_embeddings=True, max_position_embeddings=32768,
                 rope_theta=10000.0, rms_norm_eps=1e-6, hidden_act="silu", torch_dtype="bfloat16", bos_token_id=0, eos_token_id=1)
# what environment/Lab.java writes into the kernelspec, so that notebooks have it
KERNEL_ENVIRONMENT = dict(RUST_FLAVOR="cpu", OPT_OUT_TRACKING="true", MALLOC_ARENA_MAX="1", MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="8000000000",
                          MALLOC_TOP_PAD_="67108864")
LLAMA_8B = dict(model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=128256, hidden_size=4096, intermediate_size=14336,
                num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False, max_position_embeddings=8192,
                rope_theta=500000.0, rms_norm_eps=1e-5, hidden_act="silu", torch_dtype="bfloat16", bos_token_id=0, eos_token_id=1)

GEMMA3_1B = dict(model_type="gemma3_text", architectures=["Gemma3ForCausalLM"], vocab_size=262144, hidden_size=1152, intermediate_size=6912, num_hidden_layers=26,
                 num_attention_heads=4, num_key_value_heads=1, head_dim=256, tie_word_embeddings=True, max_position_embeddings=32768, rms_norm_eps=1e-6,
                 sliding_window=512, query_pre_attn_scalar=256, hidden_activation="gelu_pytorch_tanh", rope_theta=1000000.0, rope_local_base_freq=10000.0,
                 layer_types=[("full" if (n + 1) % 6 == 0 else "sliding") + "_attention" for n in range(26)], torch_dtype="bfloat16", bos_token_id=0, eos_token_id=1)
# six of 48 layers, so that a run takes minutes
QWEN3_30B = dict(model_type="qwen3_moe", architectures=["Qwen3MoeForCausalLM"], vocab_size=151936, hidden_size=2048, intermediate_size=6144, num_hidden_layers=6,
                 num_attention_heads=32, num_key_value_heads=4, head_dim=128, num_experts=128, num_experts_per_tok=8, moe_intermediate_size=768, norm_topk_prob=True,
                 decoder_sparse_step=1, mlp_only_layers=[], tie_word_embeddings=False, max_position_embeddings=40960, rope_theta=1000000.0, rms_norm_eps=1e-6,
                 hidden_act="silu", torch_dtype="bfloat16", bos_token_id=0, eos_token_id=1)
LLAMA_70B = LLAMA_8B | dict(hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64)


BOTH = ("llama", "gemma3", "qwen3_5", "qwen3_moe")  # whose memory is measured with gradient checkpointing too


def families() -> dict:
    """One small model of each family, as wide as kernels want them, whose memory is measured."""
    base = dict(hidden_size=2048, intermediate_size=6144, num_hidden_layers=12, num_attention_heads=16, num_key_value_heads=4, head_dim=128, vocab_size=64000,
                max_position_embeddings=8192, rms_norm_eps=1e-6, hidden_act="silu", rope_theta=500000.0, tie_word_embeddings=False, bos_token_id=0, eos_token_id=1)
    kinds = lambda interval: [("full" if (n + 1) % interval == 0 else "sliding") + "_attention" for n in range(12)]
    experts = dict(num_hidden_layers=4, moe_intermediate_size=768, num_experts_per_tok=4, norm_topk_prob=True)
    delta = dict(linear_conv_kernel_dim=4, linear_key_head_dim=128, linear_value_head_dim=128, linear_num_key_heads=16, linear_num_value_heads=16,
                 full_attention_interval=4, partial_rotary_factor=0.25)
    own = dict(llama={}, mistral={}, qwen2={}, qwen3={}, smollm3=dict(no_rope_layers=[1, 1, 1, 0] * 3), granite=dict(embedding_multiplier=12.0, residual_multiplier=0.22,
               attention_multiplier=0.0078125, logits_scaling=8.0), olmo2={}, olmo3=dict(sliding_window=512, layer_types=kinds(4)), seed_oss=dict(attention_bias=True),
               phi3=dict(sliding_window=None), glm4=dict(attention_bias=True, partial_rotary_factor=0.5), glm=dict(attention_bias=True, partial_rotary_factor=0.5), ernie4_5={},
               hunyuan_v1_dense={}, ministral3=dict(rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
               gemma3=dict(model_type="gemma3_text", hidden_activation="gelu_pytorch_tanh", sliding_window=512, query_pre_attn_scalar=128, layer_types=kinds(6)),
               qwen3_5=delta | dict(model_type="qwen3_5_text"), qwen3_moe=experts | dict(num_experts=32),
               qwen3_5_moe=delta | experts | dict(model_type="qwen3_5_moe_text", num_experts=32, shared_expert_intermediate_size=768),
               gpt_oss=experts | dict(num_local_experts=16, intermediate_size=2048, sliding_window=128))
    return {name: base | dict(model_type=name) | config for name, config in own.items()}


def configured(folder: pathlib.Path, config: dict) -> pathlib.Path:
    """A folder with a configuration and a tokenizer of as many words."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    words = {f"w{n}": n for n in range(config["vocab_size"])}
    (folder / "tokenizer.json").write_text(json.dumps(dict(
        version="1.0", added_tokens=[], normalizer=None, pre_tokenizer=dict(type="Whitespace"), post_processor=None, decoder=None,
        model=dict(type="WordLevel", vocab=words, unk_token="w0"))))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="PreTrainedTokenizerFast", unk_token="w0", bos_token="w0", eos_token="w1", pad_token="w2")))
    return folder


def classpath() -> str:
    """The library as notebooks have it, or TUNEBOOK_CLASSPATH on a machine that only has the jars."""
    given = os.environ.get("TUNEBOOK_CLASSPATH")
    if given:
        return given
    jars = glob.glob(str(ROOT / "src/target/tunebook-*.jar")) + [str(ROOT / "src/target/lib/*"), str(ROOT / "kernel/target/tunebook-kernel.jar")]
    return os.pathsep.join([str(ROOT / "bench/target/classes"), *jars])


class GpuMemory:
    """The most memory the card had taken beyond what it had at the start, by NVML, in GiB; None without a card."""

    def __init__(self):
        self.most, self.nvml, self.running = None, None, False
        try:
            import pynvml
            pynvml.nvmlInit()
            self.nvml, self.handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)
        except Exception:  # no card, or no package to ask it
            return

    def used(self):
        return self.nvml.nvmlDeviceGetMemoryInfo(self.handle).used / 2**30

    def __enter__(self):
        if self.nvml:
            self.start, self.most, self.running = self.used(), 0.0, True
            self.thread = threading.Thread(target=self.watch)
            self.thread.start()
        return self

    def watch(self):
        while self.running:
            self.most = max(self.most, self.used() - self.start)
            time.sleep(0.02)

    def __exit__(self, *_):
        if self.nvml:
            self.running = False
            self.thread.join()


def measured(command: list, env=None) -> dict:
    """Runs a command that prints JSON in its last line; adds wall seconds, peak resident MiB and peak GPU GiB of the process."""
    start = time.time()
    with GpuMemory() as gpu:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TUNEBOOK_BENCH_STARTED": str(start), **(env or {})}, text=True)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{out}")
    result = json.loads(out.strip().splitlines()[-1])
    return {**result, "wall": time.time() - start, "mib": usage.ru_maxrss / 1024, "gpu_gib": gpu.most}


def ours(*arguments, cores=None, heap="512m", card=0, main="TrainBench") -> dict:
    """@param card a card of so many GiB is planned for; 0: the one that is there"""
    command = ["java", f"-Xmx{heap}", f"-Dtunebook.bench.card={card}", "-XX:+UseSerialGC", "-cp", classpath(), f"io.tunebook.bench.{main}", *map(str, arguments)]
    result = measured(pinned(command, cores), KERNEL_ENVIRONMENT)
    if result["gpu_gib"]:
        result["gpu_gib"] -= result.get("occupied_gib", 0)
    print("ours ", json.dumps(result), flush=True)
    return result


def peer(script: str, *arguments, cores=None) -> dict:
    result = measured(pinned([sys.executable, "-W", "ignore", script, "peer", *map(str, arguments)], cores), dict(HF_HUB_OFFLINE="1"))
    print("peer ", json.dumps(result), flush=True)
    return result


def pinned(command: list, cores) -> list:
    return ["taskset", "-c", cores, *command] if cores else command


def report(recording: bool, id: str, work: str, our: float, their: float, unit: str, goal: str, command: str, machine=None):
    """Prints a row, and keeps it if asked to. Where less is better the goal reads '<='."""
    ratio = our / their
    kept = ratio >= float(goal[2:]) if goal.startswith(">=") else ratio <= float(goal[2:])
    print(f"{id}: {work}: ours {our:.4g} {unit}, peer {their:.4g} {unit}, ratio {ratio:.2f}, goal {goal}: {'kept' if kept else 'MISSED'}", flush=True)
    if recording:
        record.row(id, work, round(our, 4), round(their, 4), unit, round(ratio, 3), goal, command, machine)


def shapes(config: dict) -> dict:
    """The tensors of a configuration, in Hugging Face's names."""
    h, i, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    d = config.get("head_dim", h // config["num_attention_heads"])
    q, kv = config["num_attention_heads"] * d, config["num_key_value_heads"] * d
    bias = config["model_type"] == "qwen2"
    all = {"model.embed_tokens.weight": (v, h), "model.norm.weight": (h,)}
    if not config["tie_word_embeddings"]:
        all["lm_head.weight"] = (v, h)
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        all |= {p + "input_layernorm.weight": (h,), p + "post_attention_layernorm.weight": (h,)}
        for name, rows in (("q", q), ("k", kv), ("v", kv)):
            all[f"{p}self_attn.{name}_proj.weight"] = (rows, h)
            if bias:
                all[f"{p}self_attn.{name}_proj.bias"] = (rows,)
        all[p + "self_attn.o_proj.weight"] = (h, q)
        if config["model_type"] in ("gemma3_text", "qwen3_moe"):
            all |= {p + "self_attn.q_norm.weight": (d,), p + "self_attn.k_norm.weight": (d,)}
        if config["model_type"] == "gemma3_text":
            all |= {p + "pre_feedforward_layernorm.weight": (h,), p + "post_feedforward_layernorm.weight": (h,)}
        if config["model_type"] == "qwen3_moe":  # GGUF has all experts in one
            e, w = config["num_experts"], config["moe_intermediate_size"]
            all |= {p + "mlp.gate.weight": (e, h), p + "experts.gate": (e, w, h), p + "experts.up": (e, w, h), p + "experts.down": (e, h, w)}
        else:
            all |= {p + "mlp.gate_proj.weight": (i, h), p + "mlp.up_proj.weight": (i, h), p + "mlp.down_proj.weight": (h, i)}
    return all


def random_model(folder: pathlib.Path, config: dict) -> pathlib.Path:
    """Writes a model with random weights as Hugging Face lays it out, bfloat16, names sorted, with a tokenizer of as many words."""
    import torch
    configured(folder, config)
    header, at = {"__metadata__": {"format": "pt"}}, 0
    tensors = sorted(shapes(config).items())
    for name, shape in tensors:
        size = 2 * int(torch.tensor(shape).prod())
        header[name] = dict(dtype="BF16", shape=list(shape), data_offsets=[at, at + size])
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            x = 1 + torch.zeros(shape) if len(shape) == 1 and "bias" not in name else torch.empty(shape, dtype=torch.bfloat16, device=device).normal_(0, 0.02).cpu()
            out.write(x.to(torch.bfloat16).view(torch.int16).numpy().tobytes())
    return folder


def random_q4_k(path: pathlib.Path, config: dict) -> pathlib.Path:
    """Writes a Llama or a mixture of Qwen3's in GGUF, Q4_K throughout but for routers, from random blocks with small scales."""
    import numpy as np
    rng = np.random.default_rng(0)
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
             "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate": "ffn_gate_inp", "experts.gate": "ffn_gate_exps",
             "experts.up": "ffn_up_exps", "experts.down": "ffn_down_exps"}
    arch = "qwen3moe" if config["model_type"] == "qwen3_moe" else "llama"

    def string(s):
        return struct.pack("<Q", len(s.encode())) + s.encode()

    def gguf_name(name):
        parts = name.removesuffix(".weight")
        if parts in names:
            return names[parts] + ".weight"
        _, _, layer, rest = parts.split(".", 3)
        return f"blk.{layer}.{names[rest]}.weight"

    fields = [("general.architecture", 8, string(arch)), ("tokenizer.ggml.model", 8, string("gpt2")), ("tokenizer.ggml.pre", 8, string("smollm"))]
    for key, value in (("block_count", "num_hidden_layers"), ("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"),
                       ("feed_forward_length", "intermediate_size"), ("attention.head_count", "num_attention_heads"),
                       ("attention.head_count_kv", "num_key_value_heads"), ("vocab_size", "vocab_size")):
        fields.append((f"{arch}.{key}", 4, struct.pack("<I", config[value])))
    for key, value in (("attention.key_length", "head_dim"), ("attention.value_length", "head_dim"), ("expert_count", "num_experts"),
                       ("expert_used_count", "num_experts_per_tok"), ("expert_feed_forward_length", "moe_intermediate_size")):
        if value in config:
            fields.append((f"{arch}.{key}", 4, struct.pack("<I", config[value])))
    fields.append((f"{arch}.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", config["rms_norm_eps"])))
    fields.append((f"{arch}.rope.freq_base", 6, struct.pack("<f", config["rope_theta"])))
    tokens = ["t", "0"] + [f"t{i}" for i in range(config["vocab_size"] - 2)]
    fields.append(("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, len(tokens)) + b"".join(map(string, tokens))))
    fields.append(("tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, len(tokens)) + np.ones(len(tokens), np.int32).tobytes()))
    fields.append(("tokenizer.ggml.merges", 9, struct.pack("<IQ", 8, 1) + string("t 0")))
    for key, value in (("bos_token_id", 0), ("eos_token_id", 1)):
        fields.append(("tokenizer.ggml." + key, 4, struct.pack("<I", value)))
    tensors, at, infos = list(shapes(config).items()), 0, b""

    def values(shape):
        return int(np.prod(shape))

    def whole(name, shape):
        return len(shape) == 1 or name.endswith("mlp.gate.weight")

    for name, shape in tensors:
        kind, size = (0, 4 * values(shape)) if whole(name, shape) else (12, values(shape) // 256 * 144)
        infos += string(gguf_name(name)) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", kind, at)
        at += size + -size % 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)) + b"".join(string(k) + struct.pack("<I", t) + v for k, t, v in fields) + infos
    pool = rng.integers(0, 256, (1 << 16, 144), dtype=np.uint8)
    pool[:, :4] = np.tile(np.array([6e-5, 4e-4], np.float16).view(np.uint8), (1 << 16, 1))
    with open(path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % 32))
        for name, shape in tensors:
            if whole(name, shape):
                data = (np.ones(shape, np.float32) if len(shape) == 1 else rng.normal(0, 0.02, shape).astype(np.float32)).tobytes()
                out.write(data + b"\0" * (-len(data) % 32))
            else:
                left = values(shape) // 256
                while left:
                    n = min(left, len(pool))
                    out.write(pool[:n].tobytes())
                    left -= n
    return path
