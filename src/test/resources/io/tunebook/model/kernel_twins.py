# What each kernel of kernels.cu computes, in PyTorch's operators, so that the text of GPUs runs on a CPU. A twin has
# its kernel's parameters, then the blocks and the threads in each. It reads and writes memory as the kernel does: from
# a tensor's first element on and by plain indices, whatever the tensor's own strides are. It computes by the functions
# that kernels.py replaces.
from typing import Optional

import torch
from torch import Tensor

from .dtypes import FLOAT32
from .norm import add_norm, d_add_norm, d_rms_norm, rms_norm
from .quantized import eight_rows, expand
from .rotary import d_norm_rope, d_rope, norm_rope, rope


# The first n elements of a tensor [...] that lie one behind the other in memory: [n].
def flat(x: Tensor, n: int) -> Tensor:
    assert n <= x.numel(), "a kernel reads or writes behind a tensor's end"
    return x.as_strided([n], [1])


# Rows [rows, heads, width] of memory that are stride elements apart; PyTorch checks that they are there.
def strided(x: Tensor, rows: int, heads: int, width: int, stride: int) -> Tensor:
    return x.as_strided([rows, heads, width], [stride, width, 1])


# A thread takes eight elements: all of them, and no more, must have one.
def by_eight(x: Tensor, vectors: int, blocks: int, threads: int) -> int:
    assert vectors * 8 == x.numel(), "a thread takes eight elements, and some were left"
    assert blocks * threads >= vectors, "there are fewer threads than vectors of eight elements"
    return vectors * 8


def kernel_rms_norm(
    x: Tensor,
    w: Tensor,
    h: Tensor,
    t: Tensor,
    heads: int,
    stride: int,
    width: int,
    eps: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads * 8 >= width, "rms_norm: a thread takes eight elements of a row"
    assert blocks % heads == 0 and x.numel() == blocks * width, "rms_norm: a block takes a row"
    rows = strided(x, blocks // heads, heads, width, stride).reshape([blocks, width])
    y, s = rms_norm(rows, flat(w, width), eps)
    flat(h, blocks * width).copy_(y.flatten())
    flat(t, blocks).copy_(s.flatten())


def kernel_d_rms_norm(
    d_y: Tensor,
    x: Tensor,
    t: Tensor,
    w: Tensor,
    onto: Tensor,
    d_x: Tensor,
    heads: int,
    stride: int,
    width: int,
    blocks: int,
    threads: int,
) -> None:
    assert threads * 8 >= width, "d_rms_norm: a thread takes eight elements of a row"
    assert blocks % heads == 0 and x.numel() == blocks * width, "d_rms_norm: a block takes a row"
    rows = strided(x, blocks // heads, heads, width, stride).reshape([blocks, width])
    d = flat(d_y, blocks * width).view([blocks, width])
    s = flat(t, blocks).view([blocks, 1])
    if onto.numel() > 0:
        y = d_rms_norm(d, rows, s, flat(w, width), flat(onto, blocks * width).view([blocks, width]))
    else:
        y = d_rms_norm(d, rows, s, flat(w, width), None)
    flat(d_x, blocks * width).copy_(y.flatten())


def kernel_add_norm(
    x: Tensor,
    y: Tensor,
    w: Tensor,
    next: Tensor,
    x1: Tensor,
    h: Tensor,
    t1: Tensor,
    width: int,
    eps: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads * 8 >= width, "add_norm: a thread takes eight elements of a row"
    assert x1.numel() == blocks * width, "add_norm: a block takes a row"
    n = blocks * width
    rows, branch = flat(x, n).view([blocks, width]), flat(y, n).view([blocks, width])
    follows: Optional[Tensor] = None
    if next.numel() > 0:
        follows = flat(next, width)
    a, b, t = add_norm(rows, branch, flat(w, width), eps, follows)
    flat(x1, n).copy_(a.flatten())
    if next.numel() > 0:
        flat(h, n).copy_(b.flatten())
        flat(t1, blocks).copy_(t.flatten())


def kernel_d_add_norm(
    d_out: Tensor,
    y: Tensor,
    w: Tensor,
    d_h: Tensor,
    x1: Tensor,
    t1: Tensor,
    next: Tensor,
    d_x1: Tensor,
    d_y: Tensor,
    width: int,
    eps: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads * 8 >= width, "d_add_norm: a thread takes eight elements of a row"
    assert d_y.numel() == blocks * width, "d_add_norm: a block takes a row"
    n = blocks * width
    from_h: Optional[Tensor] = None
    inner: Optional[Tensor] = None
    factor: Optional[Tensor] = None
    follows: Optional[Tensor] = None
    if d_h.numel() > 0:
        from_h = flat(d_h, n).view([blocks, width])
        if next.numel() > 0:
            inner, factor = flat(x1, n).view([blocks, width]), flat(t1, blocks).view([blocks, 1])
            follows = flat(next, width)
    rows, branch = flat(d_out, n).view([blocks, width]), flat(y, n).view([blocks, width])
    a, b = d_add_norm(rows, branch, flat(w, width), eps, from_h, inner, factor, follows)
    flat(d_x1, n).copy_(a.flatten())
    flat(d_y, n).copy_(b.flatten())


def kernel_norm_rope(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    cos: Tensor,
    sin: Tensor,
    qk: Tensor,
    heads: int,
    kv_heads: int,
    width: int,
    stride: int,
    eps: float,
    blocks: int,
    threads: int,
) -> None:
    all_heads = heads + kv_heads
    assert qk.numel() == blocks * all_heads * width, "norm_rope: a block takes the heads of a token"
    c = flat(cos, blocks * width).view([blocks, 1, width])
    s = flat(sin, blocks * width).view([blocks, 1, width])
    rows = strided(x, blocks, all_heads, width, stride)
    y = norm_rope(rows, flat(w_q, width), flat(w_k, width), c, s, heads, eps)
    flat(qk, blocks * all_heads * width).copy_(y.flatten())


def kernel_d_norm_rope(
    d_q: Tensor,
    d_k: Tensor,
    d_v: Tensor,
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    cos: Tensor,
    sin: Tensor,
    d_qkv: Tensor,
    heads: int,
    kv_heads: int,
    width: int,
    stride: int,
    eps: float,
    blocks: int,
    threads: int,
) -> None:
    assert d_q.numel() == blocks * heads * width, "d_norm_rope: a block takes the heads of a token"
    c = flat(cos, blocks * width).view([blocks, 1, width])
    s = flat(sin, blocks * width).view([blocks, 1, width])
    q = flat(d_q, blocks * heads * width).view([blocks, heads, width])
    k = flat(d_k, blocks * kv_heads * width).view([blocks, kv_heads, width])
    v = flat(d_v, blocks * kv_heads * width).view([blocks, kv_heads, width])
    rows = strided(x, blocks, heads + kv_heads, width, stride)
    d = d_norm_rope(q, k, v, rows, flat(w_q, width), flat(w_k, width), c, s, eps)
    flat(d_qkv, blocks * (heads + 2 * kv_heads) * width).copy_(d.flatten())


def kernel_rope(
    x: Tensor,
    y: Tensor,
    cos: Tensor,
    sin: Tensor,
    heads: int,
    width: int,
    x_stride: int,
    y_stride: int,
    blocks: int,
    threads: int,
) -> None:
    assert x.numel() == blocks * heads * width, "rope: a block takes the heads of a token"
    c = flat(cos, blocks * width).view([blocks, 1, width])
    s = flat(sin, blocks * width).view([blocks, 1, width])
    turned = rope(strided(x, blocks, heads, width, x_stride), c, s, False)
    strided(y, blocks, heads, width, y_stride).copy_(turned)


def kernel_d_rope(
    d_q: Tensor,
    d_k: Tensor,
    d_v: Tensor,
    cos: Tensor,
    sin: Tensor,
    d_qkv: Tensor,
    heads: int,
    kv_heads: int,
    width: int,
    blocks: int,
    threads: int,
) -> None:
    assert d_q.numel() == blocks * heads * width, "d_rope: a block takes the heads of a token"
    c = flat(cos, blocks * width).view([blocks, 1, width])
    s = flat(sin, blocks * width).view([blocks, 1, width])
    q = flat(d_q, blocks * heads * width).view([blocks, heads, width])
    k = flat(d_k, blocks * kv_heads * width).view([blocks, kv_heads, width])
    v = flat(d_v, blocks * kv_heads * width).view([blocks, kv_heads, width])
    flat(d_qkv, blocks * (heads + 2 * kv_heads) * width).copy_(d_rope(q, k, v, c, s).flatten())


def kernel_cross_entropy(
    logits: Tensor, targets: Tensor, losses: Tensor, width: int, backward: int, blocks: int, threads: int
) -> None:
    assert logits.numel() == blocks * width, "cross_entropy: a block takes a row"
    x = flat(logits, blocks * width).view([blocks, width])
    at = flat(targets, blocks).unsqueeze(1)
    counts = at >= 0
    p = x.to(FLOAT32).log_softmax(1)
    target = at.clamp_min(0)
    flat(losses, blocks).copy_((p.gather(1, target).neg() * counts).flatten())
    if backward != 0:
        d = p.exp()
        d.scatter_add_(1, target, torch.full_like(target, -1, dtype=FLOAT32))
        x.copy_(d * counts)


def kernel_times_tiles(
    x: Tensor,
    weight: Tensor,
    expert: Tensor,
    first: Tensor,
    end: Tensor,
    y: Tensor,
    sums: int,
    columns: int,
    transposed: int,
    blocks: int,
    threads: int,
) -> None:
    pieces = expert.numel()
    assert threads == 128, "times_tiles: a block has 128 threads"
    assert blocks == pieces * ((columns + 127) // 128), "times_tiles: a block takes a tile of 128 columns"
    experts, starts, ends = flat(expert, pieces), flat(first, pieces), flat(end, pieces)
    each = sums * columns
    for i in range(pieces):
        e, start, behind = int(experts[i]), int(starts[i]), int(ends[i])
        if start < behind:
            assert behind - start <= 64, "times_tiles: a tile has 64 rows"
            rows = flat(x, behind * sums)[start * sums :].view([-1, sums])
            W = flat(weight, (e + 1) * each)[e * each :]
            if transposed != 0:
                product = rows.mm(W.view([sums, columns]))
            else:
                product = rows.mm(W.view([columns, sums]).t())
            flat(y, behind * columns)[start * columns :].copy_(product.flatten())


def kernel_eight_rows(
    x: Tensor, codes: Tensor, scales: Tensor, stride: int, width: int, blocks: int, threads: int
) -> None:
    assert x.numel() == blocks * width, "eight_rows: a block takes a row"
    c, s = eight_rows(strided(x, blocks, 1, width, stride).flatten(1))
    flat(codes, blocks * width).copy_(c.flatten())
    flat(scales, blocks).copy_(s.flatten())


# A block of type 12 or 14 has 256 values, one of another type 32. On a CPU codes may lie in their file with the scales
# between them; a GPU has them together.
def kernel_expand(
    scales: Tensor, codes: Tensor, out: Tensor, type: int, vectors: int, blocks: int, threads: int
) -> None:
    values = by_eight(out, vectors, blocks, threads)
    n = values // (256 if type == 12 or type == 14 else 32)
    width = 208 if type == 14 else 140 if type == 12 else 32 if type == 8 else 16
    each = 2 if type == 3 or type == 12 else 1
    expand(
        flat(scales, n * each).view([n, each]),
        flat(codes.contiguous(), n * width).view([n, width]),
        type,
        flat(out, values),
    )


def kernel_deterministic(of: Tensor, on: int) -> None:
    assert on == 0 or on == 1, "deterministic: expected 0 or 1"
