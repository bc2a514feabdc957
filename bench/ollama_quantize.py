"""Q4_K_M of a model with the shape of Qwen2.5-1.5B, on two cores: Tunebook against llama.cpp's llama_model_quantize, called through
the package llama-cpp-python. Prints the time of each and the root mean square error over all values, and whether both chose the
same type for every tensor.

    python bench/ollama_quantize.py [--record] [--layers 28] [--folder DIR]
"""

import argparse
import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import gguf
import numpy as np

import record

ROOT = pathlib.Path(__file__).resolve().parents[1]
HIDDEN, INTERMEDIATE, HEADS, KV_HEADS, VOCABULARY = 1536, 8960, 12, 2, 151936
COMMAND = "python bench/ollama_quantize.py --record"


def class_path() -> str:
    library = ROOT / "src/target"
    return os.pathsep.join([str(ROOT / "bench/target/classes"), str(library / "tunebook-0.1.0.jar"), str(library / "lib/*")])


def make(path: pathlib.Path, layers: int) -> None:
    """A Qwen2 model in F16, heavy-tailed random weights with an outlying column here and there, as trained ones have."""
    rng = np.random.default_rng(1)
    pool = (rng.standard_t(5, 1 << 24) * 0.02).astype(np.float16)
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(layers)
    writer.add_context_length(32768)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([f"t{i}" for i in range(VOCABULARY)])
    writer.add_token_types([1] * VOCABULARY)
    writer.add_token_merges(["t 0"])

    def matrix(name: str, rows: int, columns: int) -> None:
        start = int(rng.integers(0, 1 << 20))
        values = np.resize(pool[start:], rows * columns).reshape(rows, columns)
        scale = np.ones(columns, np.float16)
        scale[rng.integers(0, columns, columns // 100)] = 4
        writer.add_tensor(name, values * scale)

    matrix("token_embd.weight", VOCABULARY, HIDDEN)
    for i in range(layers):
        block = f"blk.{i}."
        writer.add_tensor(block + "attn_norm.weight", np.ones(HIDDEN, np.float32))
        for name, rows in (("q", HIDDEN), ("k", KV_HEADS * 128), ("v", KV_HEADS * 128)):
            matrix(f"{block}attn_{name}.weight", rows, HIDDEN)
            writer.add_tensor(f"{block}attn_{name}.bias", np.zeros(rows, np.float32))
        matrix(block + "attn_output.weight", HIDDEN, HIDDEN)
        writer.add_tensor(block + "ffn_norm.weight", np.ones(HIDDEN, np.float32))
        matrix(block + "ffn_gate.weight", INTERMEDIATE, HIDDEN)
        matrix(block + "ffn_up.weight", INTERMEDIATE, HIDDEN)
        matrix(block + "ffn_down.weight", HIDDEN, INTERMEDIATE)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ours(source: pathlib.Path, target: pathlib.Path) -> float:
    start = time.perf_counter()
    subprocess.run(["java", "-cp", class_path(), "io.tunebook.bench.Quantize", str(source), str(target), "Q4_K_M"],
                   check=True)
    return time.perf_counter() - start


def theirs(source: pathlib.Path, target: pathlib.Path) -> float:
    program = ("import sys, llama_cpp as l; p = l.llama_model_quantize_default_params(); p.nthread = 2; "
               "p.ftype = l.LLAMA_FTYPE_MOSTLY_Q4_K_M; "
               "sys.exit(l.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), l.ctypes.byref(p)))")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, str(source), str(target)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def floats(tensor, library) -> np.ndarray:
    """Dequantised by llama.cpp itself, which is faster than gguf-py."""
    if tensor.tensor_type in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.F32):
        return tensor.data.reshape(-1).astype(np.float32)
    out = np.empty(int(tensor.n_elements), np.float32)
    function = getattr(library, "dequantize_row_" + tensor.tensor_type.name.lower().replace("_k", "_K"))
    data = np.ascontiguousarray(tensor.data)
    function(data.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(out.size))
    return out


def compare(source: pathlib.Path, a: pathlib.Path, b: pathlib.Path) -> tuple[float, float, list[str]]:
    import llama_cpp
    library = ctypes.CDLL(str(next((pathlib.Path(llama_cpp.__file__).parent / "lib").glob("*ggml-base.*"))))
    first, second = ({t.name: t for t in gguf.GGUFReader(p).tensors} for p in (a, b))
    errors, count, differing = [0.0, 0.0], 0, []
    for tensor in gguf.GGUFReader(source).tensors:
        if len(tensor.shape) == 1:
            continue
        if first[tensor.name].tensor_type != second[tensor.name].tensor_type:
            differing.append(f"{tensor.name}: {first[tensor.name].tensor_type.name} and {second[tensor.name].tensor_type.name}")
        values = floats(tensor, library)
        count += values.size
        for i, quantised in enumerate((first, second)):
            d = floats(quantised[tensor.name], library) - values
            errors[i] += float(np.dot(d, d))
    return (errors[0] / count) ** 0.5, (errors[1] / count) ** 0.5, differing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--folder", help="where the model and its copies go; by default a temporary folder (6 GB)")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source, a, b = (pathlib.Path(folder) / n for n in ("f16.gguf", "ours.gguf", "theirs.gguf"))
        make(source, options.layers)
        seconds, seconds_theirs = ours(source, a), theirs(source, b)
        error, error_theirs, differing = compare(source, a, b)
    print(f"time: ours {seconds:.1f} s, llama.cpp {seconds_theirs:.1f} s, ratio {seconds / seconds_theirs:.2f}")
    print(f"RMSE: ours {error:.6e}, llama.cpp {error_theirs:.6e}, ratio {error / error_theirs:.4f}")
    print("types differ: " + ("; ".join(differing) if differing else "nowhere"))
    if options.record:
        record.row("ollama.quantize.rmse", "Q4_K_M of a 1.5B-shaped model, root mean square error", error, error_theirs, "1",
                   round(error / error_theirs, 4), "<=1.02", COMMAND)
        record.row("ollama.quantize.time", "Q4_K_M of a 1.5B-shaped model, two cores", round(seconds, 1),
                   round(seconds_theirs, 1), "s", round(seconds, 1), "<=120", COMMAND)


if __name__ == "__main__":
    main()
