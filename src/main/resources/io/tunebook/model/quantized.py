# Weights in memory, and products with those that stay as their file has them (QLoRA: Dettmers et al., 2023): in GGUF's
# blocks, or in a narrower type. They are expanded or cast when they are used, in the forward and again in the backward.
# Weights in eight bits are multiplied as they are.
from typing import List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from .blocks import by_operators, expand_by_operators
from .dtypes import FLOAT8, FLOAT32, FLOAT64, INT8


# One target's weight as its file has it.
class Matrix(NamedTuple):
    scales: Tensor  # [blocks, 1 or 2], float16: d, and m or dmin; of MXFP4 an exponent; empty where kind is 0
    codes: Tensor  # [blocks, the block's other bytes]; or the weights [rows, columns] in a type of their own
    kind: int  # GGUF's number for the type of the blocks; 0: no blocks; -8: e4m3, a row is a block; -39: see expand_mx
    rows: int


# A product's weights in eight bits (e4m3: Micikevicius et al., 2022). Each row is divided by a scale of its own, which
# makes its largest value 448, the largest that there is. A product sums along the rows of both its factors, so the
# backward has the transposed weights, with scales of their own. Together they take what bfloat16 takes.
class Eight(NamedTuple):
    codes: Tensor  # [sum of widths, columns]
    scales: Tensor  # [1, sum of widths], float32
    t_codes: Tensor  # [columns, sum of widths]
    t_scales: Tensor  # [1, columns], float32


# The weights of one product: of one target, or of several that share their input, below one another. y = x W^T + bias.
class Linear(NamedTuple):
    weight: Tensor  # [sum of widths, columns] in the type that the model computes in; empty where parts stay as stored
    parts: List[Matrix]  # the targets as stored, or none
    widths: List[int]  # the rows of each target
    columns: int
    bias: Optional[Tensor]  # [sum of widths]
    eight: Optional[Eight]  # the parts as they are multiplied, where they are in eight bits


# GGUF's blocks, expanded into out, by their number:
#   0 not quantized: codes are the weights    2 Q4_0: d (c - 8)      3 Q4_1: d c + m
#   8 Q8_0: d c                              12 Q4_K: d s c - dmin t    14 Q6_K: d s (c - 32)    39 MXFP4: see expand_mx
# Others are in blocks.py.
# The arithmetic is float32, as in ggml-quants.c; only what comes out has the model's type.
# scales [blocks, 1 or 2] and codes [blocks, bytes of codes]; out has the values of the blocks in their order, in any
# shape.
def expand(scales: Tensor, codes: Tensor, kind: int, out: Tensor) -> Tensor:
    if kind == 0:
        return out.copy_(codes)
    n = codes.size(0)
    if kind == -8:
        torch.mul(codes.to(FLOAT32), scales, out=out.view(codes.size()))
        return out
    if kind == 39 or kind == -39:
        return expand_mx(scales, codes, kind, out)
    if by_operators(kind):
        return expand_by_operators(scales, codes, kind, out)
    d = scales[:, 0:1].to(FLOAT32)
    m = scales[:, 1:2].to(FLOAT32)
    if kind == 8:
        torch.mul(codes, d, out=out.view([n, 32]))
    elif kind == 2:
        c = torch.cat([codes & 15, codes >> 4], 1)
        torch.mul(c.to(INT8) - 8, d, out=out.view([n, 32]))
    elif kind == 3:
        c = torch.cat([codes & 15, codes >> 4], 1)
        torch.add(c * d, m, out=out.view([n, 32]))
    elif kind == 12:
        # 12 bytes hold eight scales s and eight minima t of 6 bits: four of each whole, the upper two bits of which
        # are taken by the other four
        a, b, h = codes[:, 0:12].split_with_sizes([4, 4, 4], 1)
        s = torch.cat([a & 63, (h & 15) | ((a >> 6) << 4)], 1)
        t = torch.cat([b & 63, (h >> 4) | ((b >> 6) << 4)], 1)
        pairs = codes[:, 12:140].unflatten(1, [4, 32])
        c = torch.stack([pairs & 15, pairs >> 4], 2).view([n, 8, 32])
        torch.sub(c * (d * s).unsqueeze(2), (m * t).unsqueeze(2), out=out.view([n, 8, 32]))
    else:
        assert kind == 14, "expected a type of blocks that is expanded here"
        low = codes[:, 0:128].unflatten(1, [2, 64])
        high = codes[:, 128:192].unflatten(1, [2, 32])
        s = codes[:, 192:208].to(INT8)
        four = torch.cat([low & 15, low >> 4], 2)
        two = torch.cat([high << 4, high << 2, high, high >> 2], 2)
        c = (four | (two & 48)).to(INT8).view([n, 16, 16])
        torch.mul(c - 32, (d * s).unsqueeze(2), out=out.view([n, 16, 16]))
    return out


# MXFP4 (OCP Microscaling Formats, version 1.0): 32 values of four bits, a sign and one of 0, 0.5, 1, 1.5, 2, 3, 4 and
# 6, times 2^(e - 127). A byte has values i and i + 16 of a block in GGUF (39), 2i and 2i + 1 in safetensors (-39).
# codes [blocks, 16], scales [blocks, 1], out 32 values for each block.
def expand_mx(scales: Tensor, codes: Tensor, kind: int, out: Tensor) -> Tensor:
    low, high = codes & 15, codes >> 4
    c = (torch.cat([low, high], 1) if kind == 39 else torch.stack([low, high], 2).flatten(1)).to(INT8)
    m = c & 7
    twice = m + (m - 4).clamp_min_(0) + (m == 7).to(INT8) * 2
    d = torch.exp2(scales.to(FLOAT64) - 128.0).to(FLOAT32)
    torch.mul(twice * (1 - (c >> 3) * 2), d, out=out.view([codes.size(0), 32]))
    return out


# One target expanded into out, [rows, columns]; on a CPU in pieces of a million values, so that nothing in between is
# ever as large as the weight.
def expand_matrix(part: Matrix, out: Tensor) -> Tensor:
    if part.kind == 0 or out.is_cuda:
        return expand(part.scales, part.codes, part.kind, out)
    n = part.codes.size(0)
    blocks = out.view([n, -1])
    step = 1048576 // blocks.size(1)
    for i in range((n + step - 1) // step):
        start = i * step
        end = min(start + step, n)
        expand(part.scales[start:end], part.codes[start:end], part.kind, blocks[start:end])
    return out


# The weight [sum of widths, columns] in the type of like; expanded into room if there is one, else into memory of its
# own. Memory that was used before costs a CPU no page faults.
def dense(W: Linear, like: Tensor, room: Optional[Tensor]) -> Tensor:
    if len(W.parts) == 0:
        return W.weight
    if room is not None:
        out = room
    else:
        rows = 0
        for width in W.widths:
            rows += width
        out = like.new_empty([rows, W.columns])
    for part, piece in zip(W.parts, out.split_with_sizes(W.widths)):
        expand_matrix(part, piece)
    return out


# The same as a product whose weight [sum of widths, columns] is expanded, in the place of another one's that is not
# used any more, where that is as large. Weights in eight bits are multiplied as they are.
def expanded(W: Linear, like: Tensor, old: Optional[Linear]) -> Linear:
    if len(W.parts) == 0 or W.eight is not None:
        return W
    room: Optional[Tensor] = None
    if old is not None and old.widths == W.widths and old.columns == W.columns:
        room = old.weight
    return Linear(dense(W, like, room), [], W.widths, W.columns, W.bias, None)


# The targets of a product one by one, without its bias: [width, columns] each.
def targets_of(W: Linear) -> List[Linear]:
    alone: List[Linear] = []
    at = 0
    if len(W.parts) > 0:
        for part in W.parts:
            end = at + part.rows
            eight = W.eight
            if eight is not None:
                eight = Eight(part.codes, eight.scales[:, at:end], eight.t_codes[:, at:end], eight.t_scales)
            alone.append(Linear(W.weight, [part], [part.rows], W.columns, None, eight))
            at = end
    else:
        for weight, width in zip(W.weight.split_with_sizes(W.widths), W.widths):
            alone.append(Linear(weight, [], [width], W.columns, None, None))
    return alone


# x W^T for x [N, columns] and weights as they are stored: [N, sum of rows]. On a CPU some rows at a time are cast or
# expanded, so that they are still in the cache when they are multiplied, and no weight is ever whole in the type of x.
def times_stored(x: Tensor, parts: List[Matrix]) -> Tensor:
    n = 0
    most = 0
    for part in parts:
        n += part.rows
        most = max(most, part.rows)
    width = x.size(1)
    step = most
    if not x.is_cuda:
        step = min(most, max(1048576 // width, 1))
    W = x.new_empty([step, width])
    y = x.new_empty([x.size(0), n])
    at = 0
    for part in parts:
        per = part.codes.size(0) // part.rows  # blocks a row
        for j in range((part.rows + step - 1) // step):
            start = j * step
            end = min(start + step, part.rows)
            piece = part.codes[start * per : end * per]
            if part.kind != 0 or piece.dtype != x.dtype:
                piece = expand(part.scales[start * per : end * per], piece, part.kind, W[0 : end - start])
            y[:, at + start : at + end].addmm_(x, piece.t(), beta=0)
        at += part.rows
    return y


# The rows of x [N, columns] in eight bits and their scales [N, 1], float32: codes * scales is x, up to rounding. It
# multiplies by 1 / 448, as a GPU does where a division by 448 is asked for and a CPU does not: in the rows whose
# largest value makes many quotients halfway between two codes, one bit of the scale decides about one code in sixteen.
def eight_rows(x: Tensor) -> Tuple[Tensor, Tensor]:
    scales = x.abs().amax([1], True).to(FLOAT32).clamp_min(1e-12) * (1.0 / 448.0)
    return (x.to(FLOAT32) / scales).to(FLOAT8), scales


# x W^T for x [N, in] and W [out, in] in eight bits with scales [1, out]: [N, out] in the type of x. The sums are
# float32. A CPU has no such product; it casts what was rounded.
def times_eight(x: Tensor, codes: Tensor, scales: Tensor) -> Tensor:
    rows, row_scales = eight_rows(x)
    if x.is_cuda:
        return torch._scaled_mm(rows, codes.t(), row_scales, scales, out_dtype=x.dtype, use_fast_accum=True)
    return (rows.to(FLOAT32).mm(codes.to(FLOAT32).t()) * row_scales * scales).to(x.dtype)


# A product's weights in eight bits.
def in_eight(W: Linear) -> Linear:
    codes, scales = eight_rows(W.weight)
    t_codes, t_scales = eight_rows(W.weight.t().contiguous())
    parts: List[Matrix] = []
    for part, s, width in zip(codes.split_with_sizes(W.widths), scales.split_with_sizes(W.widths), W.widths):
        parts.append(Matrix(s, part, -8, width))
    eight = Eight(codes, scales.t(), t_codes, t_scales.t())
    return Linear(W.weight.new_empty([0]), parts, W.widths, W.columns, W.bias, eight)


# x W^T [N, sum of widths] for weights that are not in blocks.
def times(x: Tensor, W: Linear) -> Tensor:
    eight = W.eight
    if eight is not None:
        return times_eight(x, eight.codes, eight.scales)
    return x.mm(W.weight.t())


# d_y W [N, columns] alike.
def times_transposed(d_y: Tensor, W: Linear) -> Tensor:
    eight = W.eight
    if eight is not None:
        return times_eight(d_y, eight.t_codes, eight.t_scales)
    return d_y.mm(W.weight)


# W x for one vector x [columns], in its type: [sum of widths]. A product with a vector takes as long as its weights
# take to be read, so it reads them as they are stored and takes the vector in their type; only blocks are expanded.
def times_vector(x: Tensor, W: Linear) -> Tensor:
    if len(W.parts) == 0:
        return W.weight.mv(x)
    ys: List[Tensor] = []
    for part in W.parts:
        if part.kind == 0:
            ys.append(part.codes.mv(x.to(part.codes.dtype)).to(x.dtype))
        else:
            ys.append(times_stored(x.unsqueeze(0), [part]).flatten())
    return ys[0] if len(ys) == 1 else torch.cat(ys, 0)


# Rows [N, columns] of a weight, in the type of like; of blocks only these rows are expanded. at [N], int64.
def rows_of(W: Linear, at: Tensor, like: Tensor) -> Tensor:
    if len(W.parts) == 0:
        return torch.embedding(W.weight, at)
    part = W.parts[0]
    if part.kind == 0:
        return torch.embedding(part.codes, at).to(like.dtype)
    out = like.new_empty([at.size(0), W.columns])
    return expand(block_rows(part.scales, at, part.rows), block_rows(part.codes, at, part.rows), part.kind, out)


# The blocks [rows of at * blocks a row, k] of the rows at [N], of blocks [rows * blocks a row, k].
def block_rows(blocks: Tensor, at: Tensor, rows: int) -> Tensor:
    return blocks.view([rows, -1, blocks.size(1)]).index_select(0, at).flatten(0, 1)
