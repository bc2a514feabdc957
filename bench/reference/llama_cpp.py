"""Golden files of GGUF: llama.cpp reads what Tunebook writes of each tiny model of `training.py`, and goes on with a text.

    npm pack @node-llama-cpp/linux-x64@3.22.1 && tar xzf node-llama-cpp-*.tgz
    pip install gguf==0.19.0 safetensors
    mvn -q -DskipTests package
    python bench/reference/llama_cpp.py package/bins/linux-x64 [--only NAME ...]

The package has llama.cpp (MIT) as libraries with their C interface. `llama_cpp.json` has, for each model, the logits behind the first ids of its reference, and
the 32 tokens that are likeliest one after another from there. How far llama.cpp's logits are from Transformers' is printed. `gguf_names.json` has the names of tensors that
llama.cpp's converter gives each architecture, by the table of the package gguf.
"""

import argparse
import ctypes
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import gguf
import numpy as np
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "src/test/resources/io/tunebook/reference"
WORDS = ROOT / "src/test/resources/io/tunebook/export/llama/hub/tokenizer.json"
PROMPT = 28  # and 32 more are fewer than the 64 positions of ministral3
LONG = {"phi3": 48}  # so long that all of it has LongRoPE's factors for long texts, by llama.cpp's choice as well
LEFT_OUT = {"exaone4_window": "llama.cpp takes a model of 64 layers for the one with windows, and no other",
            "mistral_window": "llama.cpp computes no window for the architecture llama",
            "gpt_oss_mxfp4": "llama.cpp rounds what blocks are multiplied with to eight bits: it was within 0.013 of logits that reach 3.3"}
CLOSE = {"gemma3": 0.05, "gemma3_vision": 0.05}  # llama.cpp looks GELU up in a table of half precision
ROUNDED = {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": True}
CHANGES = {"phi3": {"sliding_window": None}} | {name: {"rope_parameters": ROUNDED} for name in ["gpt_oss"]}  # what llama.cpp does not compute
F32 = 0


class Opaque(ctypes.Structure):
    """A structure of settings that is passed by value; the library writes and reads its beginning."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]

    def change(self, offset: int, expected: int, value: int) -> None:
        found = struct.unpack_from("<i", self.bytes, offset)[0]
        assert found == expected, f"another version: {found} at {offset}, not {expected}"
        struct.pack_into("<i", self.bytes, offset, value)


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32)] + [(name, ctypes.c_void_p) for name in ("token", "embd", "pos", "n_seq_id", "seq_id", "logits")]


class LlamaCpp:
    def __init__(self, folder: pathlib.Path):
        def library(pattern: str) -> ctypes.CDLL:
            return ctypes.CDLL(str(next(folder.glob(pattern))), mode=ctypes.RTLD_GLOBAL)

        library("libggml-base.so")
        ggml = library("libggml.v*.so")
        self.c = library("libllama.v*.so")
        ggml.ggml_backend_load_all_from_path(str(folder).encode())
        for name, result, arguments in [
            ("llama_model_default_params", Opaque, []), ("llama_context_default_params", Opaque, []),
            ("llama_model_load_from_file", ctypes.c_void_p, [ctypes.c_char_p, Opaque]), ("llama_init_from_model", ctypes.c_void_p, [ctypes.c_void_p, Opaque]),
            ("llama_batch_get_one", Batch, [ctypes.c_void_p, ctypes.c_int32]), ("llama_decode", ctypes.c_int32, [ctypes.c_void_p, Batch]),
            ("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), [ctypes.c_void_p, ctypes.c_int32]),
            ("llama_model_free", None, [ctypes.c_void_p]), ("llama_free", None, [ctypes.c_void_p]),
        ]:
            function = getattr(self.c, name)
            function.restype, function.argtypes = result, arguments
        self.c.llama_backend_init()

    def run(self, file: pathlib.Path, ids: list, vocabulary: int, more: int) -> tuple | None:
        """Logits behind the ids, so many tokens that are likeliest after them, and by how little one was. None if the file is not loaded."""
        model = self.c.llama_model_load_from_file(str(file).encode(), self.c.llama_model_default_params())
        if not model:
            return None
        settings = self.c.llama_context_default_params()
        settings.change(28, 4, 1)  # threads, which otherwise wait for one another in loops
        settings.change(32, 4, 1)
        settings.change(52, -1, 0)  # flash attention would compute in half precision
        settings.change(104, 1, F32)  # keys
        settings.change(108, 1, F32)  # values
        context = self.c.llama_init_from_model(model, settings)
        assert context, file
        rows, greedy, margin = [], [], float("inf")
        while len(greedy) < more:
            tokens = np.array(greedy[-1:] or ids, np.int32)
            assert self.c.llama_decode(context, self.c.llama_batch_get_one(tokens.ctypes.data, len(tokens))) == 0, file
            rows.append(np.ctypeslib.as_array(self.c.llama_get_logits_ith(context, -1), [vocabulary]).copy())
            greedy.append(int(rows[-1].argmax()))
            second, first = np.sort(rows[-1])[-2:]
            margin = min(margin, float(first - second))
        self.c.llama_free(context)
        self.c.llama_model_free(model)
        return rows[0], greedy, margin


def folder_with_words(source: pathlib.Path, to: pathlib.Path) -> int:
    """A model's folder with a tokenizer that GGUF has a name for, a real one that is cut to the vocabulary; returns the vocabulary."""
    to.mkdir()
    config = json.loads((source / "config.json").read_text()) | CHANGES.get(source.name, {})
    rows = config.get("text_config", config)["vocab_size"]
    (to / "config.json").write_text(json.dumps(config))
    shutil.copy(source / "model.safetensors", to / "model.safetensors")
    tokenizer = json.loads(WORDS.read_text())
    tokenizer["model"]["vocab"] = {word: i for word, i in tokenizer["model"]["vocab"].items() if i < rows}
    tokenizer["model"]["merges"] = []
    tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if t["id"] < rows]
    (to / "tokenizer.json").write_text(json.dumps(tokenizer))
    return rows


def write(folder: pathlib.Path, file: pathlib.Path) -> None:
    library = ROOT / "src/target"
    path = os.environ.get("TUNEBOOK_CLASS_PATH") or os.pathsep.join([str(ROOT / "bench/target/classes"), str(library / "tunebook-0.1.0.jar"), str(library / "lib/*")])
    subprocess.run(["java", "-cp", path, "io.tunebook.bench.Quantize", str(folder), str(file), "AS_BASE"], check=True)


def names() -> dict:
    """Of each architecture, with %d for the layer's number."""
    return {gguf.MODEL_ARCH_NAMES[arch]: sorted(gguf.TENSOR_NAMES[t].replace("{bid}", "%d") for t in tensors) for arch, tensors in gguf.MODEL_TENSORS.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("libraries", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=[])
    chosen = parser.parse_args()
    llama = LlamaCpp(chosen.libraries.resolve())
    golden = OUT / "llama_cpp.json"
    found = json.loads(golden.read_text()) if golden.exists() and chosen.only else {}
    architectures, missed = set(), []
    for name, why in LEFT_OUT.items():
        print(f"{name:18s} is left out: {why}")
    for source in sorted(p.parent for p in OUT.glob("*/config.json")):
        name = source.name
        if name in LEFT_OUT or chosen.only and name not in chosen.only:
            continue
        with tempfile.TemporaryDirectory() as temp:
            folder, file = pathlib.Path(temp) / "model", pathlib.Path(temp) / f"{name}.gguf"
            vocabulary = folder_with_words(source, folder)
            write(folder, file)
            reference = load_file(source / "logits.safetensors")
            ids = reference["ids"].flatten().astype(int).tolist()[: LONG.get(name, PROMPT)]
            result = llama.run(file, ids, vocabulary, 32)
            if result is None:
                missed.append(name)
                print(f"{name:18s} NOT LOADED by llama.cpp: it said why", flush=True)
                continue
            logits, greedy, margin = result
            theirs = reference["logits"].reshape(-1, vocabulary)[len(ids) - 1]
            off = float(np.abs(logits - theirs).max())
            found[name] = dict(prompt=len(ids), greedy=greedy, changes=CHANGES.get(name, {}), within=CLOSE.get(name, 1e-4),
                               logits=[round(float(x), 5) for x in logits])
            reader = gguf.GGUFReader(file)
            architectures.add(reader.fields["general.architecture"].contents())
            print(f"{name:18s} logits differ from Transformers' by {off:.2e}, which reach {np.abs(theirs).max():.1f}; the closest choice by {margin:.2e}", flush=True)
    golden.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v, separators=(",", ":"))}' for k, v in sorted(found.items())) + "\n}\n")
    table = OUT / "gguf_names.json"
    known = json.loads(table.read_text()) if table.exists() and chosen.only else {}
    known |= {arch: tensors for arch, tensors in names().items() if arch in architectures}
    table.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v, separators=(",", ":"))}' for k, v in sorted(known.items())) + "\n}\n")
    if missed:
        raise SystemExit(f"not loaded: {missed}")


if __name__ == "__main__":
    main()
