# GGUF's blocks that have no kernel of their own, expanded by PyTorch's operators on a GPU too.
import torch
from torch import Tensor

from .dtypes import FLOAT32, INT8, INT64, UINT8


# Whether blocks of this number are expanded here: Q5_0, Q5_1, Q2_K, Q3_K, Q5_K, IQ4_NL and IQ4_XS.
def by_operators(kind: int) -> bool:
    return kind == 6 or kind == 7 or kind == 10 or kind == 11 or kind == 13 or kind == 20 or kind == 23


# Expands them into out, [rows, columns] or as many values in another shape, some at a time, since what is in between
# takes many times as much as the blocks. scales [blocks, 1 or 2], codes [blocks, bytes of codes]. Returns out.
def expand_by_operators(scales: Tensor, codes: Tensor, kind: int, out: Tensor) -> Tensor:
    n = codes.size(0)
    flat = out.view([n, -1])
    step = 16777216 // flat.size(1)
    for i in range((n + step - 1) // step):
        start, end = i * step, min((i + 1) * step, n)
        c = codes[start:end]
        d = scales[start:end, 0:1].to(FLOAT32)
        m = scales[start:end, scales.size(1) - 1 :].to(FLOAT32)
        if kind == 6 or kind == 7:
            five = nibbles(c[:, 4:20]) | (bits(c[:, 0:4], 1).flatten(1) << 4)
            y = (five.to(INT8) - 16) * d if kind == 6 else five * d + m
        elif kind == 10:
            s = c[:, 0:16]
            y = twos(c[:, 16:80]) * (d * (s & 15)).unsqueeze(2) - (m * (s >> 4)).unsqueeze(2)
        elif kind == 11:
            low, high = c[:, 96:104], bits(c[:, 104:108], 2).transpose(1, 2).flatten(1)
            s = (nibbles(low) | (high << 4)).to(INT8) - 32
            third = bits(c[:, 0:32], 1).transpose(1, 2).reshape([c.size(0), 16, 16])
            y = (twos(c[:, 32:96]).to(INT8) - 4 + third.to(INT8) * 4) * (d * s).unsqueeze(2)
        elif kind == 13:
            # scales and minima as Q4_K has them, see expand
            a, b, h = c[:, 0:12].split_with_sizes([4, 4, 4], 1)
            s = torch.cat([a & 63, (h & 15) | ((a >> 6) << 4)], 1)
            t = torch.cat([b & 63, (h >> 4) | ((b >> 6) << 4)], 1)
            pairs = c[:, 44:172].unflatten(1, [4, 32])
            four = torch.stack([pairs & 15, pairs >> 4], 2).view([c.size(0), 8, 32])
            five = four | (bits(c[:, 12:44], 1).transpose(1, 2) << 4)
            y = five * (d * s).unsqueeze(2) - (m * t).unsqueeze(2)
        elif kind == 20:
            y = uneven(nibbles(c)) * d
        else:
            assert kind == 23, "expected a type of blocks that is expanded here"
            low, high = c[:, 2:6], bits(c[:, 0:2], 2).flatten(1)
            s = (torch.stack([low & 15, low >> 4], 2).flatten(1) | (high << 4)).to(INT8) - 32
            y = uneven(nibbles(c[:, 6:134].reshape([-1, 16]))).view([c.size(0), 8, 32]) * (d * s).unsqueeze(2)
        flat[start:end].copy_(y.flatten(1))
    return out


# Bytes [n, k] as their lower halves, then their upper ones: [n, 2 * k].
def nibbles(x: Tensor) -> Tensor:
    return torch.cat([x & 15, x >> 4], 1)


# Bytes [n, k] as numbers of so many bits, the lowest first: [n, k, 8 / width].
def bits(x: Tensor, width: int) -> Tensor:
    shifts = torch.arange(0, 8, width, dtype=UINT8, device=x.device)
    return torch.bitwise_right_shift(x.unsqueeze(2), shifts) & ((1 << width) - 1)


# 64 bytes [n, 64], whose pairs of bits lie 32 values apart, as 16 groups of 16 values, [n, 16, 16].
def twos(x: Tensor) -> Tensor:
    return bits(x, 2).unflatten(1, [2, 32]).transpose(2, 3).reshape([x.size(0), 16, 16])


# The uneven steps of IQ4_NL and IQ4_XS, by codes of four bits, [n, k]; float32 alike.
def uneven(x: Tensor) -> Tensor:
    steps = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
    table = torch.tensor(steps, dtype=FLOAT32, device=x.device)
    return table.index_select(0, x.flatten().to(INT64)).view(x.size())
