# Weights from files, mapped by PyTorch: what has the right type and lies together is used where it lies.
from typing import List

import torch
from torch import Tensor

from .dtypes import Dtype
from .quantized import Linear, Matrix, dense


# A copy of a tensor [...] in a type, on the device of another: what comes from Java lies in memory that Java frees.
def as_type(x: Tensor, dtype: Dtype, like: Tensor) -> Tensor:
    return x.to(like.device, dtype, False, True)


# A whole file as so many elements of one type, [elements]; mapped, so that only what is used is read, and private, so
# that nothing is ever written.
def map_file(path: str, elements: int, dtype: Dtype) -> Tensor:
    return torch.from_file(path, False, elements, dtype=dtype)


# Tensors of so many rows that lie at these places of mapped files, below one another: [sum of rows, columns], or
# [sum of rows] where columns is 0. One that has type and device already is not copied. orders has five numbers for
# each, by which rows are put back.
def from_files(
    files: List[Tensor], starts: List[int], rows: List[int], orders: List[int], columns: int, dtype: Dtype, like: Tensor
) -> Tensor:
    parts: List[Tensor] = []
    for i, file in enumerate(files):
        x = file[starts[i] : starts[i] + rows[i] * max(columns, 1)]
        y = in_order(x.view([rows[i], -1]), orders[5 * i : 5 * i + 5])
        parts.append(y.to(like.device, dtype))
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, 0)
    return whole.flatten() if columns == 0 else whole


# Values that lie apart in a mapped file, [rows, columns], or [columns] for rows 0.
def strided_from_file(
    file: Tensor, start: int, rows: int, columns: int, row_step: int, column_step: int, dtype: Dtype, like: Tensor
) -> Tensor:
    x = torch.as_strided(file, [max(rows, 1), columns], [row_step, column_step], start)
    y = x.contiguous().to(like.device, dtype)
    return y.flatten() if rows == 0 else y


# Rows as Hugging Face's files have them, where llama.cpp has another order, such as the two halves of a head by turns:
# the first stay, the others lie as [outer, b, a, inner] and become [outer, a, b, inner].
def in_order(x: Tensor, order: List[int]) -> Tensor:
    kept, outer, a, b, inner = order
    if a == 1 or b == 1:
        return x
    moved = x[kept:].view([outer, b, a, inner, x.size(1)]).transpose(1, 2).flatten(0, 3)
    return moved if kept == 0 else torch.cat([x[0:kept], moved], 0)


# Tensors [rows, ...] below one another.
def joined(parts: List[Tensor]) -> Tensor:
    return torch.cat(parts, 0)


# A quantized tensor's scales [blocks, scales], float16, and codes [blocks, block - 2 * scales]. file is mapped as bytes
# and file_halves, the same, as float16. Blocks have so many bytes, scales scales in front or, as Q6_K, behind; start is
# in bytes, length is that of a row.
def blocks_from_file(
    file: Tensor,
    file_halves: Tensor,
    start: int,
    rows: int,
    length: int,
    block: int,
    scales: int,
    behind: bool,
    order: List[int],
    like: Tensor,
) -> List[Tensor]:
    b = file[start : start + rows * length]
    h = file_halves[start // 2 : (start + rows * length) // 2]
    b = in_order(b.view([rows, length]), order).view([-1, block])
    h = in_order(h.view([rows, -1]), order).view([-1, block // 2])
    if behind:
        d, codes = h[:, -scales:], b[:, 0 : -2 * scales]
    else:
        d, codes = h[:, 0:scales], b[:, 2 * scales :]
    return [d.clone().to(like.device), codes.to(like.device)]


# The same of MXFP4, whose blocks of 17 bytes begin with an exponent: [blocks, 1] and [blocks, 16].
def mxfp4_from_file(file: Tensor, start: int, rows: int, length: int, like: Tensor) -> List[Tensor]:
    b = file[start : start + rows * length].view([-1, 17])
    return [b[:, 0:1].clone().to(like.device), b[:, 1:].clone().to(like.device)]


# The same of safetensors, which have exponents and codes apart: so many rows of so many blocks, every step'th from a
# place on that is counted in blocks. [rows * blocks, 1] and [rows * blocks, 16].
def mxfp4_from_parts(
    codes: Tensor,
    codes_start: int,
    scales: Tensor,
    scales_start: int,
    rows: int,
    per: int,
    first: int,
    step: int,
    like: Tensor,
) -> List[Tensor]:
    end = first + ((rows - 1) * step + 1) * per
    c = codes[codes_start + first * 16 : codes_start + end * 16].view([-1, per * 16])
    s = scales[scales_start + first : scales_start + end].view([-1, per])
    return [s[0::step].reshape([-1, 1]).clone().to(like.device), c[0::step].reshape([-1, 16]).clone().to(like.device)]


# Quantized tensors of the same columns below one another, expanded for good: [sum of rows, columns].
def expand_once(
    scales: List[Tensor], codes: List[Tensor], kinds: List[int], rows: List[int], columns: int, dtype: Dtype
) -> Tensor:
    like = torch.empty([0], dtype=dtype, device=codes[0].device)
    return dense(stored_linear(scales, codes, kinds, rows, columns), like, None)


# The product of targets that stay as they are stored, by their scales and codes, see Matrix; weight is [0].
def stored_linear(scales: List[Tensor], codes: List[Tensor], kinds: List[int], rows: List[int], columns: int) -> Linear:
    parts: List[Matrix] = []
    for i, kind in enumerate(kinds):
        parts.append(Matrix(scales[i], codes[i], kind, rows[i]))
    return Linear(torch.empty([0]), parts, rows, columns, None, None)
