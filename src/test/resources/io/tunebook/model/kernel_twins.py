# What each kernel of kernels.cu computes, in PyTorch's operators, so that the text of GPUs runs on a CPU. A twin has its
# kernel's parameters, then the blocks and the threads in each; it reads and writes memory as the kernel does: from a
# tensor's first element on and by plain indices, whatever the tensor's own strides are. What is computed is asked of the
# functions that kernels.py replaces.
from typing import Optional

import torch
from torch import Tensor

from .dtypes import FLOAT32
from .mlp import d_glu, d_swiglu_lora, glu, swiglu_lora
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
    divided: Optional[Tensor] = None
    follows: Optional[Tensor] = None
    if d_h.numel() > 0:
        from_h = flat(d_h, n).view([blocks, width])
        if next.numel() > 0:
            inner, divided = flat(x1, n).view([blocks, width]), flat(t1, blocks).view([blocks, 1])
            follows = flat(next, width)
    rows, branch = flat(d_out, n).view([blocks, width]), flat(y, n).view([blocks, width])
    a, b = d_add_norm(rows, branch, flat(w, width), eps, from_h, inner, divided, follows)
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


# A thread takes eight elements: all of them, and no more, must have one.
def by_eight(x: Tensor, vectors: int, blocks: int, threads: int) -> int:
    assert vectors * 8 == x.numel(), "a thread takes eight elements, and some were left"
    assert blocks * threads >= vectors, "there are fewer threads than vectors of eight elements"
    return vectors * 8


def kernel_swiglu(g: Tensor, u: Tensor, m: Tensor, vectors: int, gelu: int, blocks: int, threads: int) -> None:
    n = by_eight(m, vectors, blocks, threads)
    flat(m, n).copy_(glu(flat(g, n), flat(u, n), gelu != 0))


def kernel_d_swiglu(
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    d_g: Tensor,
    d_u: Tensor,
    m: Tensor,
    vectors: int,
    gelu: int,
    blocks: int,
    threads: int,
) -> None:
    n = by_eight(g, vectors, blocks, threads)
    a, b, c = d_glu(flat(d_m, n), flat(g, n), flat(u, n), gelu != 0, False)
    flat(d_g, n).copy_(a)
    flat(d_u, n).copy_(b)
    flat(m, n).copy_(c)


def kernel_sum_parts(parts: Tensor, total: Tensor, count: int, fours: int, blocks: int, threads: int) -> None:
    assert fours * 4 == total.numel(), "sum_parts: a thread takes four elements, and some were left"
    assert blocks * threads >= fours, "sum_parts: there are fewer threads than fours"
    n = fours * 4
    flat(total, n).copy_(flat(parts, count * n).view([count, n]).to(FLOAT32).sum([0]))


# The strips of 128 columns of which each leaves a part of a sum. The first part is the whole sum here, the others zero.
def leave_parts(parts: Tensor, inner: int, whole: Tensor) -> None:
    strips = (inner + 127) // 128
    pieces = flat(parts, strips * whole.numel()).zero_().view([strips, -1])
    pieces[0].copy_(whole.flatten())


def swiglu_lora_twin(
    gelu: bool,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    m: Tensor,
    parts: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads == 256, "swiglu_lora: a block has 256 threads"
    gs, us = strided(g, rows, 1, inner, stride).flatten(1), strided(u, rows, 1, inner, stride).flatten(1)
    y, sums = swiglu_lora(
        torch.cat([gs, us], 1),
        flat(z, rows * 2 * rank).view([rows, 2 * rank]),
        flat(B_gate, inner * rank).view([inner, rank]),
        flat(B_up, inner * rank).view([inner, rank]),
        flat(A_down, rank * inner).view([rank, inner]),
        scale_gate,
        scale_up,
        gelu,
    )
    flat(m, rows * inner).copy_(y.flatten())
    leave_parts(parts, inner, sums)


def kernel_swiglu_lora(
    g: Tensor,
    u: Tensor,
    z: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    m: Tensor,
    parts: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    swiglu_lora_twin(
        False, g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, stride, rank, scale_gate, scale_up, blocks, threads
    )


def kernel_geglu_lora(
    g: Tensor,
    u: Tensor,
    z: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    m: Tensor,
    parts: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    swiglu_lora_twin(
        True, g, u, z, B_gate, B_up, A_down, m, parts, rows, inner, stride, rank, scale_gate, scale_up, blocks, threads
    )


def d_swiglu_lora_twin(
    gelu: bool,
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    parts: Tensor,
    factors: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    assert threads == 256, "d_swiglu_lora: a block has 256 threads"
    gs, us = strided(g, rows, 1, inner, stride).flatten(1), strided(u, rows, 1, inner, stride).flatten(1)
    found = d_m.new_empty([3, inner * rank])
    d_gu, d_z = d_swiglu_lora(
        flat(d_m, rows * inner).view([rows, inner]),
        torch.cat([gs, us], 1),
        flat(z, rows * 2 * rank).view([rows, 2 * rank]),
        flat(d_z_down, rows * rank).view([rows, rank]),
        flat(B_gate, inner * rank).view([inner, rank]),
        flat(B_up, inner * rank).view([inner, rank]),
        flat(A_down, rank * inner).view([rank, inner]),
        scale_gate,
        scale_up,
        gelu,
        found[0].view([inner, rank]),
        found[1].view([inner, rank]),
        found[2].view([rank, inner]),
    )
    gs.copy_(d_gu[:, 0:inner])
    us.copy_(d_gu[:, inner:])
    leave_parts(parts, inner, d_z)
    # the first part is the whole sum here too
    flat(factors, factors.numel()).zero_()
    flat(factors, 3 * inner * rank).copy_(found.flatten())


def kernel_d_swiglu_lora(
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    parts: Tensor,
    factors: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    d_swiglu_lora_twin(
        False,
        d_m,
        g,
        u,
        z,
        d_z_down,
        B_gate,
        B_up,
        A_down,
        parts,
        factors,
        rows,
        inner,
        stride,
        rank,
        scale_gate,
        scale_up,
        blocks,
        threads,
    )


def kernel_d_geglu_lora(
    d_m: Tensor,
    g: Tensor,
    u: Tensor,
    z: Tensor,
    d_z_down: Tensor,
    B_gate: Tensor,
    B_up: Tensor,
    A_down: Tensor,
    parts: Tensor,
    factors: Tensor,
    rows: int,
    inner: int,
    stride: int,
    rank: int,
    scale_gate: float,
    scale_up: float,
    blocks: int,
    threads: int,
) -> None:
    d_swiglu_lora_twin(
        True,
        d_m,
        g,
        u,
        z,
        d_z_down,
        B_gate,
        B_up,
        A_down,
        parts,
        factors,
        rows,
        inner,
        stride,
        rank,
        scale_gate,
        scale_up,
        blocks,
        threads,
    )


# What is written lies in the flat gradient, behind the tensor that says where it begins.
def kernel_sum_factors(
    factors: Tensor, sums: Tensor, rows: int, inner: int, rank: int, blocks: int, threads: int
) -> None:
    n = 3 * inner * rank
    assert factors.numel() % n == 0, "sum_factors: parts are not whole"
    sums.as_strided([n], [1]).copy_(flat(factors, factors.numel()).view([-1, n]).sum([0]))


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
