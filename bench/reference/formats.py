"""Golden files of the format tests: random blocks of every type with the floats that gguf-py makes of them."""

import pathlib
import zlib

import gguf
import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/gguf"
TYPES = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
# Where a block's float16 scales lie, so that they can be made finite.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


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


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    blocks()
